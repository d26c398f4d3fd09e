package store

import (
	"bytes"
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
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

var errConnection = errors.New("the connection is broken")

// wantUnknown checks the error of an append that may be in the log or not.
func wantUnknown(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "may be in the log or not") {
		t.Errorf("%s: %v", what, err)
	}
}

// The answer of an append is lost, and then the connection changes the record that the store
// reads: it may be its own. Its caller must not precheck again, which would append twice.
func TestProposalThatReadsACorruptRecordHasAnUnknownOutcome(t *testing.T) {
	for name, at := range map[string]func([]byte) int{
		"envelope": func([]byte) int { return 10 },
		"group":    func(b []byte) int { return len(b) - 1 },
	} {
		synctest.Test(t, func(t *testing.T) {
			e := sharedEngine(t, fakelog.Options{})
			var lost, corrupt atomic.Bool
			s := openAltered(t, &alteredLog{
				Log: e.Connect(),
				appends: func(_ context.Context, _ int, call func() error) error {
					if err := call(); err != nil || lost.Swap(true) {
						return err
					}
					return errConnection
				},
				read: func(_ context.Context, _ uint64, call func() ([]sharedlog.Record, error)) ([]sharedlog.Record, error) {
					records, err := call()
					if len(records) > 0 && !corrupt.Swap(true) {
						records[0].Bytes = bytes.Clone(records[0].Bytes)
						records[0].Bytes[at(records[0].Bytes)] ^= 1
					}
					return records, err
				},
			}, Shared{})
			_, err := s.Append(t.Context(), alternating(1, "x"), nil, nil)
			wantUnknown(t, name, err)
			time.Sleep(5 * time.Second) // the follower reads the record as it is
			if head, err := s.Head(t.Context()); head != 1 || err != nil {
				t.Errorf("%s: the head is %d, %v", name, head, err)
			}
			if position := mustAppend(t, s, "x"); position != 2 {
				t.Errorf("%s: the next append has position %d", name, position)
			}
			s.Close()
		})
	}
}

// Another store has added a record that the log of this one cannot return, for example in a newer
// form. The caller of the proposal that has lost against it learns that, although it has no deadline.
func TestProposalThatCannotReadTheRecordInItsPlace(t *testing.T) {
	for _, reason := range []error{sharedlog.ErrVersion, sharedlog.ErrCorrupt} {
		synctest.Test(t, func(t *testing.T) {
			e := sharedEngine(t, fakelog.Options{})
			other := openShared(t, e, vfs.NewMem(), Shared{})
			var raced, readable atomic.Bool
			s := openAltered(t, &alteredLog{
				Log: e.Connect(),
				appends: func(_ context.Context, _ int, call func() error) error {
					if !raced.Swap(true) {
						mustAppend(t, other, "x")
					}
					return call()
				},
				read: func(_ context.Context, _ uint64, call func() ([]sharedlog.Record, error)) ([]sharedlog.Record, error) {
					records, err := call()
					if len(records) > 0 && !readable.Load() {
						return nil, fmt.Errorf("record %d: %w", records[0].Index, reason)
					}
					return records, err
				},
			}, Shared{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := s.Append(ctx, alternating(1, "y"), nil, nil)
			wantUnknown(t, reason.Error(), err)
			if err != nil && !strings.Contains(err.Error(), "cannot decode") {
				t.Errorf("%v: %v", reason, err)
			}
			readable.Store(true)
			time.Sleep(5 * time.Second) // the follower reads the record
			if position := mustAppend(t, s, "x"); position != 2 {
				t.Errorf("%v: the next append has position %d", reason, position)
			}
			s.Close()
			other.Close()
		})
	}
}

// The store fails while a proposal has no answer: its outcome is unknown nevertheless.
func TestFailureDoesNotHideAnUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		var broken atomic.Bool
		disk := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
			if op.Kind == "sync" && strings.HasSuffix(op.Name, ".log") && broken.Load() {
				return syscall.EIO
			}
			return nil
		})
		s := openShared(t, e, disk, Shared{})
		mustAppend(t, s, "x")
		if time.Sleep(2 * syncInterval); s.durableCopy() != 1 {
			t.Errorf("group %d is reported as durable", s.durableCopy())
		}
		mustAppend(t, s, "x") // is not synced
		broken.Store(true)
		e.SetDown(true)
		result := make(chan error)
		go func() {
			_, err := s.Append(context.Background(), alternating(1, "x"), nil, nil)
			result <- err
		}()
		time.Sleep(2 * syncInterval)
		if s.failureError() == nil {
			t.Fatal("the store has not failed")
		}
		if group := s.durableCopy(); group != 0 {
			t.Errorf("a store whose disk has failed reports group %d as durable", group)
		}
		go s.Close()
		wantUnknown(t, "the append", <-result)
	})
}

// Closing ends a proposal without an answer. The store has not failed, and appends that were not
// proposed are refused for certain.
func TestCloseRefusesWhatWasNotProposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, disk := sharedEngine(t, fakelog.Options{}), vfs.NewMem()
		s := openShared(t, e, disk, Shared{Timeout: time.Second})
		mustAppend(t, s, "x")
		e.SetDown(true)
		results := []chan error{make(chan error), make(chan error)}
		for _, result := range results {
			go func() {
				_, err := s.Append(context.Background(), alternating(1, "x"), nil, nil)
				result <- err
			}()
			synctest.Wait()
		}
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		wantUnknown(t, "the append that was proposed", <-results[0])
		if err := <-results[1]; !errors.Is(err, dcb.ErrClosed) {
			t.Errorf("the append that was not proposed: %v", err)
		}
		if err := <-closed; err != nil || s.failureError() != nil {
			t.Errorf("closing: %v; the failure is %v", err, s.failureError())
		}
		e.SetDown(false)
		if head, err := openShared(t, e, disk.Kill(), Shared{LocalReads: true}).Head(t.Context()); head != 1 || err != nil {
			t.Errorf("after closing, the head is %d, %v", head, err)
		}
	})
}

// engineWith returns another engine of the same shared log, with the first records of one.
func engineWith(t *testing.T, e *fakelog.Engine, groups int) *fakelog.Engine {
	t.Helper()
	other := sharedEngine(t, fakelog.Options{})
	client := other.Connect()
	_, records := e.History()
	after := sharedlog.Point{}
	for _, r := range records[:groups] {
		_, group, err := sharedlog.Decode(r.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		g, err := eventlog.ReceivedGroup(nil, group)
		if err == nil {
			err = client.Append(t.Context(), after, g.Tail().Chain, r.Bytes)
		}
		if err != nil {
			t.Fatal(err)
		}
		after = sharedlog.Point(g.Tail().ID())
	}
	return other
}

// A failover of the engine loses a group that was decided. No other store appends in its place, so that
// only the end of the log shows it.
func TestStoreHaltsWhenTheSharedLogHasLostGroups(t *testing.T) {
	for name, other := range map[string]func(*testing.T, *fakelog.Engine) *fakelog.Engine{
		"the end is lower": func(t *testing.T, e *fakelog.Engine) *fakelog.Engine { return engineWith(t, e, 1) },
		"the last group is another one": func(t *testing.T, e *fakelog.Engine) *fakelog.Engine {
			other := engineWith(t, e, 1)
			s := openShared(t, other, vfs.NewMem(), Shared{})
			mustAppend(t, s, "another")
			s.Close()
			return other
		},
	} {
		for _, first := range []string{"append", "read"} {
			synctest.Test(t, func(t *testing.T) {
				e := sharedEngine(t, fakelog.Options{})
				log := newSwitchedLog(e)
				s, err := OpenShared(t.Context(), "/store", &Options{FS: vfs.NewMem()}, Shared{Log: log})
				if err != nil {
					t.Fatal(err)
				}
				mustAppend(t, s, "x")
				mustAppend(t, s, "x")
				log.current.Store(other(t, e).Connect())
				if first == "append" {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					_, err := s.Append(ctx, alternating(1, "x"), nil, nil)
					cancel()
					if wantUnknown(t, name, err); err != nil && !strings.Contains(err.Error(), "lost groups") {
						t.Errorf("%s: an append: %v", name, err)
					}
				}
				if _, err := s.Head(t.Context()); !errors.Is(err, dcb.ErrCorruption) {
					t.Errorf("%s: a fresh read: %v", name, err)
				}
				if _, err := s.Append(t.Context(), alternating(1, "x"), nil, nil); !errors.Is(err, dcb.ErrCorruption) {
					t.Errorf("%s: a further append: %v", name, err)
				}
				s.Close()
			})
		}
	}
}

// A record of many bytes has more time, and so has an answer after failures.
func TestTimeoutGrowsWithTheBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{MaxRecord: 32 << 20})
		var appending, reading []time.Duration
		s := openAltered(t, &alteredLog{
			Log: e.Connect(),
			appends: func(ctx context.Context, bytes int, call func() error) error {
				deadline, _ := ctx.Deadline()
				if appending = append(appending, time.Until(deadline)); len(appending) == 1 && bytes < 3<<20 {
					t.Errorf("the record has %d bytes", bytes)
				}
				if len(appending) > 3 {
					return call()
				}
				return errConnection
			},
			read: func(ctx context.Context, _ uint64, call func() ([]sharedlog.Record, error)) ([]sharedlog.Record, error) {
				deadline, _ := ctx.Deadline()
				reading = append(reading, time.Until(deadline))
				return nil, errConnection
			},
			wait: func(ctx context.Context, _ uint64) error { <-ctx.Done(); return ctx.Err() },
		}, Shared{Timeout: time.Second})
		event := dcb.Event{Type: "t", Data: make([]byte, 3<<20)}
		if _, err := s.Append(t.Context(), []dcb.Event{event}, nil, nil); err != nil {
			t.Error(err)
		}
		if least := 4 * time.Second; appending[0] < least || appending[0] > least+time.Second {
			t.Errorf("an append of 3 MiB has %v", appending[0])
		}
		for i, want := range []time.Duration{1, 5, 5} {
			if got := reading[i]; got != want*time.Second {
				t.Errorf("read %d has %v, want %d s", i+1, got, want)
			}
		}
		s.Close()
	})
}
