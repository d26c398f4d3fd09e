package store

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// slowDisk is a disk in memory that can stop syncs of the log.
type slowDisk struct {
	mu      sync.Mutex
	stopped chan struct{} // closed to let syncs continue; nil if they are not stopped; guarded by mu
	waiting chan struct{} // receives when a sync starts to wait
}

// newSlowStore opens a store on a slow disk.
func newSlowStore(t *testing.T) (*Store, *slowDisk) {
	t.Helper()
	d := &slowDisk{waiting: make(chan struct{}, 16)}
	s, err := Open("/store", &Options{FS: vfs.Observe(vfs.NewMem(), d.before)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.resume()
		s.Close()
	})
	return s, d
}

func (d *slowDisk) before(op vfs.Op) error {
	if op.Kind != "sync" || !strings.HasSuffix(op.Name, ".log") {
		return nil
	}
	d.mu.Lock()
	stopped := d.stopped
	d.mu.Unlock()
	if stopped != nil {
		d.waiting <- struct{}{}
		<-stopped
	}
	return nil
}

// stop makes the next syncs wait.
func (d *slowDisk) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = make(chan struct{})
}

func (d *slowDisk) resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped != nil {
		close(d.stopped)
		d.stopped = nil
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timeout while waiting until %s", what)
		}
	}
}

// appended is the result of an append.
type appended struct {
	position uint64
	err      error
}

// startAppend appends in its own goroutine.
func startAppend(t *testing.T, s *Store, events []dcb.Event, condition *dcb.AppendCondition) <-chan appended {
	t.Helper()
	outcome := make(chan appended, 1)
	go func() {
		position, err := s.Append(context.Background(), events, condition, nil)
		outcome <- appended{position, err}
	}()
	return outcome
}

// alternating returns n events with one tag each, the given tags in rotation.
func alternating(n int, tags ...string) []dcb.Event {
	events := make([]dcb.Event, n)
	for i := range events {
		events[i] = dcb.Event{Type: "t", Tags: tags[i%len(tags) : i%len(tags)+1]}
	}
	return events
}

func tagged(tags ...string) dcb.Query {
	return dcb.Query{Items: []dcb.QueryItem{{Tags: tags}}}
}

// AgeMark makes the last write of the mark of a standby seem older.
func (b *Standby) AgeMark(d time.Duration) { b.standby.written = b.standby.written.Add(-d) }

// sharedLogOutput is where the stores log: set UMADB_TEST_LOG to see it.
var sharedLogOutput = func() io.Writer {
	if os.Getenv("UMADB_TEST_LOG") != "" {
		return os.Stderr
	}
	return io.Discard
}()

// LimitPasses sets the number of index entries of a slice of a pass over the terms.
func (s *Store) LimitPasses(entries uint64) { s.slots.passEntries = entries }

// LimitStates sets the number of steps after which a count acquires the current state again.
func (s *Store) LimitStates(steps int) { s.slots.stateSteps = steps }

// CheckIndex makes a reader list the index now, and reports whether it opened blocks again.
func (s *Store) CheckIndex(ctx context.Context) (bool, error) {
	if err := s.reader.acquire(ctx); err != nil {
		return false, err
	}
	defer s.reader.release()
	return s.reader.checkIndex(ctx)
}

// openLogged opens a store whose log lines are returned.
func openLogged(t *testing.T, e *fakelog.Engine, disk vfs.FS, config Shared) (*Store, func() string) {
	t.Helper()
	lines := new(lockedBuffer)
	if config.Log == nil {
		config.Log = e.Connect()
	}
	s, err := OpenShared(t.Context(), "/store", &Options{FS: disk, Logger: slog.New(slog.NewTextHandler(lines, nil))}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); config.Log.Close() })
	return s, lines.String
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
