package eventlog_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// After a disk error in the segment being written, its content is unknown. A full disk
// changes nothing, and neither does an error in the next segment, which is not part of
// the log yet.
func TestDiskErrorIsDistinguishedFromFullDisk(t *testing.T) {
	large := strings.Repeat("x", 3000)
	for _, c := range []struct {
		name   string
		before []string
		kind   string
		err    error
		fails  bool // with ErrSegmentFailed
	}{
		{"full", nil, "allocate", syscall.ENOSPC, false},
		{"quota", nil, "allocate", syscall.EDQUOT, false},
		{"I/O error", nil, "allocate", syscall.EIO, true},
		{"file too large", nil, "allocate", syscall.EFBIG, true},
		{"I/O error in the next segment", []string{large}, "allocate", syscall.EIO, false},
		{"I/O error creating the next segment", []string{large}, "create", syscall.EIO, false},
		{"too many open files", []string{large}, "create", syscall.EMFILE, false},
		{"access denied", []string{large}, "create", syscall.EACCES, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := false
			mem := vfs.NewMem()
			l := openTestLog(t, vfs.Observe(mem, func(op vfs.Op) error {
				if broken && op.Kind == c.kind {
					return c.err
				}
				return nil
			}), small)
			for _, payload := range c.before {
				l.commit(1, payload)
			}
			broken = true
			_, reserve := l.Reserve(0, len(large))
			preallocate := l.Preallocate()
			for _, err := range []error{reserve, preallocate} {
				if !errors.Is(err, c.err) || errors.Is(err, eventlog.ErrSegmentFailed) != c.fails {
					t.Errorf("the error is %v", err)
				}
			}
			broken = false
			if !c.fails {
				l.commit(1, large)
				openTestLog(t, mem, small).checkPayloads(append(c.before, large)...)
			}
		})
	}
}
