package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Only an error of adopting a group can be a lack of space or of files here. As the error of a
// read, it is one of the connection: an append would be refused until another store appends.
func TestErrorsOfReadingDoNotHaltAStore(t *testing.T) {
	s := openShared(t, sharedEngine(t, fakelog.Options{}), vfs.NewMem(), Shared{})
	for _, err := range []error{syscall.EMFILE, syscall.ENOSPC, errConnection, context.DeadlineExceeded} {
		s.haltFor(1, err)
		if halted := s.halted(); halted != nil {
			t.Errorf("halted after a read that failed with %v: %v", err, halted)
		}
		if s.haltFor(1, &adoptError{1, err}); s.halted() == nil {
			t.Errorf("not halted after adopting failed with %v", err)
		}
		s.shared.halt.Store(nil)
	}
}

// A record is read several times before it is taken as a foreign one. Errors of the connection do
// not count, and the store continues when a record is sound.
func TestFollowerReadsACorruptRecordAgain(t *testing.T) {
	for name, c := range map[string]struct {
		refused, corrupt int32
		halts            bool
	}{
		"connections that are refused": {5, maxAttempts - 1, false},
		"a record that stays corrupt":  {0, maxAttempts, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := sharedEngine(t, fakelog.Options{})
			var reads, halted atomic.Int32
			var s *Store
			s = openAltered(t, &alteredLog{
				Log: e.Connect(),
				read: func(_ context.Context, _ uint64, call func() ([]sharedlog.Record, error)) ([]sharedlog.Record, error) {
					records, err := call()
					if len(records) == 0 {
						return records, err
					}
					if s.halted() != nil {
						halted.Add(1)
					}
					switch n := reads.Add(1); {
					case n <= c.refused:
						return nil, errConnection
					case n <= c.refused+c.corrupt:
						records[0].Bytes = []byte("noise")
					}
					return records, err
				},
			}, Shared{})
			other := openShared(t, e, vfs.NewMem(), Shared{})
			mustAppend(t, other, "x")
			time.Sleep(20 * time.Second)
			if got := halted.Load() > 0; got != c.halts {
				t.Errorf("%s: halted at %d reads", name, halted.Load())
			}
			if err := s.halted(); err != nil || s.LastPosition() != 1 {
				t.Errorf("%s: afterwards, the store has position %d: %v", name, s.LastPosition(), err)
			}
			s.Close()
			other.Close()
		})
	}
}

// The groups that the store proposes are not read back, although the log has new groups then.
func TestFollowerDoesNotReadOwnGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		records := 0
		s := openAltered(t, &alteredLog{
			Log: e.Connect(),
			appends: func(_ context.Context, _ int, call func() error) error {
				err := call()
				time.Sleep(3 * time.Millisecond) // the follower knows first
				return err
			},
			read: func(_ context.Context, _ uint64, call func() ([]sharedlog.Record, error)) ([]sharedlog.Record, error) {
				found, err := call()
				records += len(found)
				return found, err
			},
		}, Shared{})
		for range 100 {
			mustAppend(t, s, "x")
		}
		if records > 0 {
			t.Errorf("the store has read %d records", records)
		}
		other := openShared(t, e, vfs.NewMem(), Shared{})
		mustAppend(t, other, "x")
		time.Sleep(100 * time.Millisecond)
		if s.LastPosition() != 101 {
			t.Errorf("the store has position %d", s.LastPosition())
		}
		s.Close()
		other.Close()
	})
}

// Wait may return at once, again and again: a log can lose what it had.
func TestFollowerDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits atomic.Int32
		s := openAltered(t, &alteredLog{
			Log:  sharedEngine(t, fakelog.Options{}).Connect(),
			wait: func(context.Context, uint64) error { waits.Add(1); return nil },
		}, Shared{})
		time.Sleep(time.Second)
		if n := waits.Load(); n > 110 {
			t.Errorf("%d waits in a second", n)
		}
		s.Close()
	})
}

// An index that cannot be written bounds the memory of a replica: it halts, and continues when
// there is space.
func TestReplicaHaltsWhenItsIndexCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		var full atomic.Bool
		full.Store(true)
		disk := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
			if strings.Contains(op.Name, "/index/") && (op.Kind == "create" || op.Kind == "allocate") && full.Load() {
				time.Sleep(time.Second) // the store does not know it when it has the groups
				return syscall.ENOSPC
			}
			return nil
		})
		client := e.Connect()
		s, err := OpenShared(t.Context(), "/store", &Options{FS: disk, BlockEvents: 2}, Shared{Log: client})
		if err != nil {
			t.Fatal(err)
		}
		other := openShared(t, e, vfs.NewMem(), Shared{})
		client.SetDown(true) // so that many groups are read together
		const events = 10 * maxHeadBlocks
		for n := range events {
			mustAppend(t, other, fmt.Sprint(n))
		}
		client.SetDown(false)
		time.Sleep(20 * time.Second)
		if heads := len(s.states.current.Load().heads); heads < maxHeadBlocks || heads > maxHeadBlocks+1 {
			t.Errorf("there are %d head blocks", heads)
		}
		if _, err := s.Head(t.Context()); !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("a fresh read: %v", err)
		}
		full.Store(false)
		time.Sleep(time.Minute)
		if head, err := s.Head(t.Context()); head != events || err != nil {
			t.Errorf("with space, the head is %d, %v", head, err)
		}
		s.Close()
		client.Close()
		other.Close()
	})
}

func TestCatchingUpIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const line = "caught up with the shared log"
		e := sharedEngine(t, fakelog.Options{})
		a := openShared(t, e, vfs.NewMem(), Shared{})
		mustAppend(t, a, "x")
		b, lines := openLogged(t, e, vfs.NewMem(), Shared{})
		want := func(times int) {
			t.Helper()
			if n := strings.Count(lines(), line); n != times {
				t.Errorf("logged %d times, want %d: %s", n, times, lines())
			}
		}
		time.Sleep(2 * time.Second)
		want(1) // when it was opened
		for range 10 {
			mustAppend(t, a, "x")
			time.Sleep(time.Second)
		}
		want(1)
		e.SetDown(true)
		time.Sleep(time.Minute)
		want(1)
		e.SetDown(false)
		time.Sleep(time.Minute)
		want(2)
		a.Close()
		b.Close()
	})
}
