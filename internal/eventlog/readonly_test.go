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
		if op.Kind != "opendir" && op.Kind != "open" && op.Kind != "read" && op.Kind != "list" {
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
	empty := vfs.NewMem()
	must(t, empty.MkdirAll(dir))
	for name, mem := range map[string]*vfs.Mem{"an empty directory": empty, "other files": files{dir + "/notes": "text"}.mem(t)} {
		t.Run(name, func(t *testing.T) {
			if _, err := openLog(watched(t, mem), readOnly); !errors.Is(err, eventlog.ErrNoLog) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// Who only reads gets what is sound before the damage, and is told of it.
func TestReadingGoesUpToTheDamage(t *testing.T) {
	all, mark := closed(t)
	for bit := 8 * eventlog.SegmentHeaderBytes; bit < 8*mark; bit += 101 {
		changed := all.with(segment(1), flip(all[segment(1)], bit))
		mem := changed.mem(t)
		b := open(t, watched(t, mem), readOnly)
		damage := b.Corruption()
		if damage == nil || damage.File != segment(1) || damage.Offset > int64(bit/8) {
			t.Fatalf("bit %d is wrong, and the damage is %v", bit, damage)
		}
		indexes, err := collect(b, b.Start(), b.Tail().Index)
		must(t, err)
		if len(indexes) != int(b.Tail().Index) || len(indexes) > 2 {
			t.Errorf("bit %d is wrong, and the groups are %v", bit, indexes)
		}
		must(t, b.Close(true))
		same(t, image(t, mem), changed)
	}
}
