package store

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// alteredLog is a shared log of which a test alters calls: those with a function.
type alteredLog struct {
	sharedlog.Log
	appends func(ctx context.Context, bytes int, call func() error) error
	read    func(ctx context.Context, from uint64, call func() ([]sharedlog.Record, error)) ([]sharedlog.Record, error)
	wait    func(ctx context.Context, after uint64) error
	origin  func(ctx context.Context) (sharedlog.Origin, error)
}

func (l *alteredLog) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	call := func() error { return l.Log.Append(ctx, after, chain, record) }
	if l.appends == nil {
		return call()
	}
	return l.appends(ctx, len(record), call)
}

func (l *alteredLog) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	call := func() ([]sharedlog.Record, error) { return l.Log.Read(ctx, from) }
	if l.read == nil {
		return call()
	}
	return l.read(ctx, from, call)
}

func (l *alteredLog) Wait(ctx context.Context, after uint64) error {
	if l.wait == nil {
		return l.Log.Wait(ctx, after)
	}
	return l.wait(ctx, after)
}

func (l *alteredLog) Origin(ctx context.Context) (sharedlog.Origin, error) {
	if l.origin == nil {
		return l.Log.Origin(ctx)
	}
	return l.origin(ctx)
}

// openAltered opens a store with an altered log.
func openAltered(t *testing.T, log *alteredLog, config Shared) *Store {
	t.Helper()
	config.Log = log
	s, err := OpenShared(t.Context(), "/store", &Options{FS: vfs.NewMem()}, config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// switchedLog is a shared log whose engine can be replaced by another one, as by a failover that
// loses records.
type switchedLog struct {
	sharedlog.Log // for MaxRecord, and to close
	current       atomic.Pointer[fakelog.Client]
}

func newSwitchedLog(e *fakelog.Engine) *switchedLog {
	l := &switchedLog{Log: e.Connect()}
	l.current.Store(e.Connect())
	return l
}

func (l *switchedLog) Origin(ctx context.Context) (sharedlog.Origin, error) {
	return l.current.Load().Origin(ctx)
}

func (l *switchedLog) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	return l.current.Load().Append(ctx, after, chain, record)
}

func (l *switchedLog) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	return l.current.Load().Read(ctx, from)
}

func (l *switchedLog) Wait(ctx context.Context, after uint64) error {
	return l.current.Load().Wait(ctx, after)
}

func (l *switchedLog) Last(ctx context.Context) (sharedlog.Point, error) {
	return l.current.Load().Last(ctx)
}
