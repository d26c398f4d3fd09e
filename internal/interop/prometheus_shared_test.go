package interop_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// faultyLog is a shared log in memory, as one of its servers sees it.
type faultyLog struct {
	sharedlog.Log
	engine *fakelog.Engine

	read   atomic.Pointer[func([]sharedlog.Record, error) ([]sharedlog.Record, error)]
	append atomic.Int64 // by which an append is delayed, in ns
}

// newShared returns a server of a shared log in this process that is not started.
func newShared(t *testing.T, name string) *monitored {
	t.Helper()
	m, engine := newMonitored(t, name), fakelog.New(fakelog.Options{})
	m.log = &faultyLog{Log: engine.Connect(), engine: engine}
	if _, err := m.log.Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	return m
}

func (l *faultyLog) open(t *testing.T, dir string) (*store.Store, error) {
	return store.OpenShared(t.Context(), dir, nil, store.Shared{Log: l})
}

// other opens another server of the log, without faults.
func (l *faultyLog) other(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.OpenShared(t.Context(), "/other", &store.Options{FS: vfs.NewMem()}, store.Shared{Log: l.engine.Connect()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Read implements sharedlog.Log.
func (l *faultyLog) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	records, err := l.Log.Read(ctx, from)
	if fault := l.read.Load(); fault != nil {
		return (*fault)(records, err)
	}
	return records, err
}

// Append implements sharedlog.Log.
func (l *faultyLog) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	time.Sleep(time.Duration(l.append.Load()))
	return l.Log.Append(ctx, after, chain, record)
}

// appendOne appends an event.
func appendOne(t *testing.T, s dcb.EventStore) {
	t.Helper()
	if _, err := s.Append(t.Context(), []dcb.Event{{Type: "happened"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// makeUnreachable cuts the server off from the engine.
func makeUnreachable(t *testing.T, p *prometheus, s *scenario) {
	s.server.log.engine.SetDown(true)
	defer s.server.log.engine.SetDown(false)
	p.mustFire(t, s.server, s.alerts...)
	s.server.log.engine.SetDown(false)
	p.mustEnd(t, s.server, s.alerts...)
}

// makeHalted changes the records that the server reads.
func makeHalted(t *testing.T, p *prometheus, s *scenario) {
	s.server.log.read.Store(new(func(records []sharedlog.Record, err error) ([]sharedlog.Record, error) {
		changed := slices.Clone(records)
		for i := range changed {
			changed[i].Bytes = slices.Clone(changed[i].Bytes)
			changed[i].Bytes[len(changed[i].Bytes)-1]++
		}
		return changed, err
	}))
	appendOne(t, s.server.log.other(t))
	p.mustFire(t, s.server, s.alerts...)
	s.server.log.read.Store(nil)
	p.mustEnd(t, s.server, s.alerts...)
}

// makeSharedLogLagging makes reads of the log fail. The log still reports its end.
func makeSharedLogLagging(t *testing.T, p *prometheus, s *scenario) {
	s.server.log.read.Store(new(func([]sharedlog.Record, error) ([]sharedlog.Record, error) { return nil, errors.New("no answer") }))
	appendOne(t, s.server.log.other(t))
	p.mustFire(t, s.server, s.alerts...)
	s.server.log.read.Store(nil)
	p.mustEnd(t, s.server, s.alerts...)
}

// makeRaces makes the appends of the server slower than those of another one.
func makeRaces(t *testing.T, p *prometheus, s *scenario) {
	s.server.log.append.Store(int64(20 * time.Millisecond))
	other := s.server.log.other(t)
	stop := repeat(t, func(ctx context.Context) {
		_, _ = other.Append(ctx, []dcb.Event{{Type: "happened"}}, nil, nil)
		time.Sleep(5 * time.Millisecond)
	})
	keepAppending(t, s.server)
	p.mustFire(t, s.server, s.alerts...)
	stop()
	p.mustEnd(t, s.server, s.alerts...)
}
