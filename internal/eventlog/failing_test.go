package eventlog_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A disk that fails is told from one that is full: in the segment that is written
// nothing is certain any more, and the file of the next is not in the log yet.
func TestAFailedDiskIsNoLackOfSpace(t *testing.T) {
	large := strings.Repeat("x", 3000)
	for _, c := range []struct {
		name   string
		before []string
		kind   string
		err    error
		fails  bool // the segment has
	}{
		{"full", nil, "allocate", syscall.ENOSPC, false},
		{"quota", nil, "allocate", syscall.EDQUOT, false},
		{"failed", nil, "allocate", syscall.EIO, true},
		{"too large a file", nil, "allocate", syscall.EFBIG, true},
		{"failed in the next file", []string{large}, "allocate", syscall.EIO, false},
		{"failed to make the next file", []string{large}, "create", syscall.EIO, false},
		{"too many open files", []string{large}, "create", syscall.EMFILE, false},
		{"denied", []string{large}, "create", syscall.EACCES, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := false
			mem := vfs.NewMem()
			b := open(t, vfs.Observe(mem, func(op vfs.Op) error {
				if broken && op.Kind == c.kind {
					return c.err
				}
				return nil
			}), small)
			for _, payload := range c.before {
				b.commit(1, payload)
			}
			broken = true
			_, reserve := b.Reserve(0, len(large))
			prepare := b.Preallocate()
			for _, err := range []error{reserve, prepare} {
				if !errors.Is(err, c.err) || errors.Is(err, eventlog.ErrSegmentFailed) != c.fails {
					t.Errorf("the error is %v", err)
				}
			}
			broken = false
			if !c.fails {
				b.commit(1, large)
				open(t, mem, small).has(append(c.before, large)...)
			}
		})
	}
}
