package sharedlog

import (
	"context"
	"sync/atomic"
)

// Late is a Log that is opened by the first call that succeeds in it. A server uses it to start
// while the engine cannot be reached.
type Late struct {
	open    func(context.Context) (Log, error)
	opening chan struct{}       // holds a value while a call opens the log
	log     atomic.Pointer[Log] // nil until it is open
	closed  atomic.Bool
}

var (
	_ Log     = (*Late)(nil)
	_ Wrapper = (*Late)(nil)
)

// NewLate returns a Log that open opens.
func NewLate(open func(context.Context) (Log, error)) *Late {
	return &Late{open: open, opening: make(chan struct{}, 1)}
}

// get opens the log, unless it is open.
func (l *Late) get(ctx context.Context) (Log, error) {
	if log := l.log.Load(); log != nil {
		return *log, nil
	}
	select {
	case l.opening <- struct{}{}:
		defer func() { <-l.opening }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if log := l.log.Load(); log != nil {
		return *log, nil
	}
	if l.closed.Load() {
		return nil, ErrClosed
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	log, err := l.open(ctx)
	if err == nil {
		l.log.Store(&log)
	}
	return log, err
}

// Unwrap implements Wrapper. It returns nil until the log is open.
func (l *Late) Unwrap() Log {
	if log := l.log.Load(); log != nil {
		return *log
	}
	return nil
}

// Create implements Log.
func (l *Late) Create(ctx context.Context, origin Origin) (Origin, error) {
	log, err := l.get(ctx)
	if err != nil {
		return Origin{}, err
	}
	return log.Create(ctx, origin)
}

// Origin implements Log.
func (l *Late) Origin(ctx context.Context) (Origin, error) {
	log, err := l.get(ctx)
	if err != nil {
		return Origin{}, err
	}
	return log.Origin(ctx)
}

// Append implements Log.
func (l *Late) Append(ctx context.Context, after Point, chain uint64, record []byte) error {
	log, err := l.get(ctx)
	if err != nil {
		return err
	}
	return log.Append(ctx, after, chain, record)
}

// Read implements Log.
func (l *Late) Read(ctx context.Context, from uint64) ([]Record, error) {
	log, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return log.Read(ctx, from)
}

// Wait implements Log.
func (l *Late) Wait(ctx context.Context, after uint64) error {
	log, err := l.get(ctx)
	if err != nil {
		return err
	}
	return log.Wait(ctx, after)
}

// Last implements Log.
func (l *Late) Last(ctx context.Context) (Point, error) {
	log, err := l.get(ctx)
	if err != nil {
		return Point{}, err
	}
	return log.Last(ctx)
}

// Trim implements Log.
func (l *Late) Trim(ctx context.Context, through uint64) error {
	log, err := l.get(ctx)
	if err != nil {
		return err
	}
	return log.Trim(ctx, through)
}

// Report implements Log.
func (l *Late) Report(ctx context.Context, replica Replica) error {
	log, err := l.get(ctx)
	if err != nil {
		return err
	}
	return log.Report(ctx, replica)
}

// Replicas implements Log.
func (l *Late) Replicas(ctx context.Context) ([]Replica, error) {
	log, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return log.Replicas(ctx)
}

// MaxRecord implements Log. It returns 0 until the log is open.
func (l *Late) MaxRecord() int {
	if log := l.log.Load(); log != nil {
		return (*log).MaxRecord()
	}
	return 0
}

// Close implements Log. The log is not opened afterwards.
func (l *Late) Close() error {
	l.closed.Store(true)
	l.opening <- struct{}{}
	defer func() { <-l.opening }()
	if log := l.log.Load(); log != nil {
		return (*log).Close()
	}
	return nil
}
