package eventlog_test

import (
	"errors"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

var readOnly = eventlog.Options{SegmentBytes: 4096, ReadOnly: true}

// watched fails if anything but reading is done.
func watched(t *testing.T, mem *vfs.Mem) vfs.FS {
	return vfs.Observe(mem, func(op vfs.Op) error {
		if op.Kind != "open" && op.Kind != "read" && op.Kind != "list" {
			t.Errorf("%s %s", op.Kind, op.Name)
		}
		return nil
	})
}

func TestReadingChangesNothing(t *testing.T) {
	segments, _ := rolled(t)
	marked, _ := closed(t)
	torn, last := killed(t)
	torn = torn.with(segment(1), flip(torn[segment(1)], 8*end(last)-1))
	for name, all := range map[string]files{"rolled": segments, "closed": marked, "torn": torn} {
		t.Run(name, func(t *testing.T) {
			all[dir+"/next-1.tmp"] = "half"
			mem := all.mem(t)
			b := open(t, watched(t, mem), readOnly)
			_, err := collect(b, b.Start(), b.Tail().Index)
			must(t, err)
			if (b.Torn() != nil) != (name == "torn") {
				t.Errorf("torn is %v", b.Torn())
			}
			must(t, b.Close(true))
			same(t, image(t, mem), all)
		})
	}
}

func TestReadingNeedsALog(t *testing.T) {
	for name, mem := range map[string]*vfs.Mem{"no directory": vfs.NewMem(), "an empty directory": files{dir + "/notes": "text"}.mem(t)} {
		t.Run(name, func(t *testing.T) {
			if _, err := eventlog.Open(watched(t, mem), dir, readOnly); !errors.Is(err, eventlog.ErrNoLog) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
