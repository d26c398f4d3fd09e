package eventlog_test

import (
	"errors"
	"slices"
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

// A sync after a failed change would make durable what was not meant to be.
func TestCloseStopsAtFirstError(t *testing.T) {
	for _, kind := range []string{"write", "truncate"} {
		var operations []string
		closing := false
		l := openTestLog(t, vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
			if !closing {
				return nil
			}
			operations = append(operations, op.Kind)
			if op.Kind == kind {
				return syscall.EIO
			}
			return nil
		}), small)
		l.commit(1, "text")
		closing = true
		err := l.Close(true)
		at := slices.Index(operations, kind)
		if !errors.Is(err, syscall.EIO) || at < 0 || slices.Contains(operations[at:], "sync") {
			t.Errorf("if %q fails, the operations are %q and the error is %v", kind, operations, err)
		}
	}
}
