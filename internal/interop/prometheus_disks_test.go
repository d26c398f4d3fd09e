package interop_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// keepAppending appends events to a server until the returned function is called.
func keepAppending(t *testing.T, server *monitored) (stop func()) {
	store, events := server.dial(t), make([]dcb.Event, 10)
	for i := range events {
		events[i].Type = "happened"
	}
	return repeat(t, func(ctx context.Context) { _, _ = store.Append(ctx, events, nil, nil) })
}

// makeStalled makes the disk of the log hang.
func makeStalled(t *testing.T, p *prometheus, s *scenario) {
	keepAppending(t, s.server)
	mend := s.server.disk.hangs(t, "sync", "log")
	p.mustFire(t, s.server, s.alerts...)
	mend()
	p.mustEnd(t, s.server, s.alerts...)
}

// makeSlow makes the disk of the log slow.
func makeSlow(t *testing.T, p *prometheus, s *scenario) {
	keepAppending(t, s.server)
	mend := s.server.disk.breaks(t, "sync", "log", func() error { time.Sleep(300 * time.Millisecond); return nil })
	p.mustFire(t, s.server, s.alerts...)
	mend()
	p.mustEnd(t, s.server, s.alerts...)
}

// makeBacklog makes the disk of the index hang.
func makeBacklog(t *testing.T, p *prometheus, s *scenario) {
	keepAppending(t, s.server)
	mend := s.server.disk.hangs(t, "create", "index")
	p.mustFire(t, s.server, s.alerts...)
	mend()
	p.mustEnd(t, s.server, s.alerts...)
}

// makeFlushFailing makes the disk of the index refuse new files.
func makeFlushFailing(t *testing.T, p *prometheus, s *scenario) {
	keepAppending(t, s.server)
	mend := s.server.disk.breaks(t, "create", "index", func() error { return errors.New("no space left") })
	p.mustFire(t, s.server, s.alerts...)
	mend()
	p.mustEnd(t, s.server, s.alerts...)
}
