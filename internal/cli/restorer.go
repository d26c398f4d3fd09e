package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// errMixed is why a store is refused that is no beginning of the source.
var errMixed = errors.New("histories do not mix; import the whole source into an empty directory")

// mixed says in what the store is no beginning of the source.
func mixed(format string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf(format, args...), Cause: errMixed}
}

// restorer brings a store up to a source. What the store has already is compared;
// no event is written before all of that was found to be the source's too.
type restorer struct {
	to   *store.Store
	at   uint64 // position of the source's last event; before the first, the position before that
	show func(done uint64)
	// owed is tracking of the store that the source must still turn out to have.
	owed map[string]uint64

	own     func() (dcb.SequencedEvent, error, bool) // the next of the store's events
	ownHead uint64                                   // when this began
	batcher
}

// restore takes the source to its end, and gives how much tracking was written that
// sits on no event. Whatever the error, the store is a prefix of the source, unless
// that is unsound.
func (r *restorer) restore(ctx context.Context, source records) (tracking uint64, err error) {
	if r.ownHead, err = r.to.Head(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := r.at + 1
	var stop func()
	r.own, stop = iter.Pull2(r.to.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &start}).All())
	defer stop()
	batches := make(chan []record, 1)
	r.batcher = batcher{batches: batches, deferred: map[string]record{}}
	written := make(chan error, 1)
	go func() {
		defer cancel() // then there is nothing more to read for
		var writeErr error
		tracking, writeErr = writeBatches(ctx, r.to, batches)
		written <- writeErr
	}()
	err = r.readAll(ctx, source)
	close(batches)
	if writeErr := <-written; writeErr != nil {
		err = writeErr
	}
	return tracking, err
}

// readAll takes the source to its end, or to an error.
func (r *restorer) readAll(ctx context.Context, source records) (err error) {
	var next record
	for next, err = range source {
		if err == nil {
			err = r.take(ctx, &next)
		}
		if err != nil {
			break
		}
	}
	// When everything was compared, what is sound is written.
	if r.at >= r.ownHead && !unsound(err) {
		err = firstOf(err, r.flush(ctx))
	}
	if err == nil && next.end == nil {
		err = errCutShort // a source always ends with its end or an error
	}
	return err
}

// unsound tells whether an error casts doubt on what came before it.
func unsound(err error) bool { return errors.Is(err, errMixed) || errors.Is(err, errDamaged) }

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// take compares or writes a record.
func (r *restorer) take(ctx context.Context, next *record) error {
	if next.end != nil {
		return r.finish(next.end.Head)
	}
	if info := next.Tracking; info != nil && info.Position >= r.owed[info.Source] {
		delete(r.owed, info.Source)
	}
	if next.Position == 0 {
		return r.takeTracking(ctx, next)
	}
	if next.Position != r.at+1 {
		return misplaced(next.Position, r.at+1)
	}
	if next.Position > r.ownHead {
		if err := r.add(ctx, next); err != nil {
			return err
		}
	} else if err := r.compare(&next.SequencedEvent); err != nil {
		return err
	}
	r.at = next.Position
	if r.at%showEvery == 0 {
		r.show(r.at)
	}
	return nil
}

// compare holds an event of the source against the store's.
func (r *restorer) compare(theirs *dcb.SequencedEvent) error {
	ours, err, ok := r.own()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the store ends before its head, %d; verify it with umadb check", r.ownHead)
	}
	if what := difference(&ours, theirs); what != "" {
		return mixed("the store is not a copy of the source: they differ in the %s of position %d", what, theirs.Position)
	}
	return nil
}

// takeTracking takes tracking that sits on no event, unless the store has it. While
// there is something to compare it is put off.
func (r *restorer) takeTracking(ctx context.Context, next *record) error {
	recorded, known, err := r.to.GetTrackingInfo(ctx, next.Tracking.Source)
	if err != nil || known && recorded >= next.Tracking.Position {
		return err
	}
	if r.at < r.ownHead {
		return r.putOff(next)
	}
	return r.add(ctx, next)
}

// finish holds the source's end against what it gave, and against the store.
func (r *restorer) finish(head uint64) error {
	switch {
	case max(r.at, head) < r.ownHead:
		return mixed("the store is longer than the source: it goes to position %d, and the source only to %d", r.ownHead, head)
	case head != r.at:
		return fmt.Errorf("the source says that it ends with position %d, and its last event has %d: it is no whole store; export it again", head, r.at)
	case len(r.owed) > 0:
		return notInExport(r.owed)
	}
	return nil
}
