package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Several stores that propose groups at the same time lose most of them: each round of the shared
// log has one winner, which may always be the same. So a server can pass its appends to the
// preferred writer, the server that has written the last record. This is a hint. If it is wrong,
// appends are slower.

// preferredFor is for how long the writer of a record is preferred. If records are rarer, appends
// of several stores hardly meet; and a server that has ended is not waited for.
const preferredFor = 2 * time.Second

// PreferredWriter returns the address of the server to which appends should be passed. It is empty
// if this store should propose them.
func (s *Store) PreferredWriter() string {
	sh := s.shared
	if sh == nil || s.halted() != nil {
		return ""
	}
	w := sh.writers.last.Load()
	if w == nil || w.process == sh.process || w.address == sh.Address || clock()-time.Duration(sh.writers.at.Load()) > preferredFor {
		return ""
	}
	return w.address
}

// lastWriter is the process that has written the last group of the shared log that is known.
type lastWriter struct {
	process sharedlog.ID
	address string // where other servers reach it; may be empty
}

// WriterState describes the process that has written the last group of the shared log that is
// known. Nothing is known until this process has seen a group.
type WriterState struct {
	Known   bool
	Self    bool   // it is this process
	Address string // may be empty
}

// lastWriters keeps the last writer.
type lastWriters struct {
	last atomic.Pointer[lastWriter]
	at   atomic.Int64 // when the last group was adopted or decided, of clock
}

// wrote notes who has written the newest group, and returns who has written the one before, or
// nil if that is not known.
func (w *lastWriters) wrote(process sharedlog.ID, address string) (before *lastWriter) {
	before = w.last.Load()
	w.at.Store(int64(clock()))
	if before == nil || before.process != process {
		w.last.Store(&lastWriter{process, address})
	}
	return before
}

// state describes the last writer to the process own.
func (w *lastWriters) state(own sharedlog.ID) WriterState {
	last := w.last.Load()
	if last == nil {
		return WriterState{}
	}
	return WriterState{Known: true, Self: last.process == own, Address: last.address}
}

// Decide reports whether the events of this store decide an append: they fail its condition, or
// it repeats an earlier append. Its other results are then those of Commit. It appends nothing.
func (s *Store) Decide(ctx context.Context, request *record.AppendRequest) (position uint64, decided bool, err error) {
	if request.Condition == nil {
		return 0, false, nil
	}
	if err := s.gate.enter(ctx); err != nil {
		return 0, true, err
	}
	defer s.gate.leave()
	op := newOperation(request)
	op.condition = compile(s.hasher, request.Condition.FailIfEventsMatch)
	op.checkedTo = request.Condition.After
	conflict, err := s.precheck(ctx, op)
	switch {
	case err != nil:
		err = storeError(err, "evaluating the append condition")
	case conflict == 0:
		return 0, false, nil
	default:
		position, err = s.resolve(ctx, request, conflict)
	}
	s.commits.failed(err)
	return position, true, err
}
