package store

import (
	"context"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// defaultMaxStaleness is how long a call waits for events that the store does not have yet.
const defaultMaxStaleness = 10 * time.Second

// LastPosition returns the position of the last event that readers of this store see, 0 if
// there is none. Unlike Head, it does not look for events that were appended elsewhere.
func (s *Store) LastPosition() uint64 { return s.published.Load().head }

// WaitFor waits until LastPosition is at least a position. It returns dcb.ErrTransport after
// Shared.MaxStaleness, or 10 s in other modes, and at once if the store gets no more events.
func (s *Store) WaitFor(ctx context.Context, position uint64) error {
	has := func() bool { return s.LastPosition() >= position }
	if has() {
		return nil
	}
	most := defaultMaxStaleness
	if s.shared != nil {
		most = s.shared.MaxStaleness
	}
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var err error
	if s.reader != nil {
		err = storeError(s.reader.wait(waiting, has), "looking for new events")
	} else {
		err = s.waitForPosition(waiting, position)
	}
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return s.lacks(position, fmt.Sprintf("after %v", most))
	}
	return err
}

// waitForPosition is WaitFor for a store whose publications wake watches.
func (s *Store) waitForPosition(ctx context.Context, position uint64) error {
	w := s.watches.add(&query{all: true}, s.newestHead())
	defer s.watches.remove(w)
	for {
		var advanced <-chan struct{} // closed at a publication and at a halt
		if s.shared != nil {
			advanced = s.shared.next()
		}
		stuck := s.failureError()
		if stuck == nil && s.shared != nil {
			stuck = s.halted()
		}
		switch {
		case s.LastPosition() >= position:
			return nil
		case stuck != nil:
			return s.lacks(position, fmt.Sprintf("and gets no more events now (%v)", stuck))
		}
		select {
		case <-w.woken:
		case <-advanced:
		case <-s.failed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return dcb.ErrClosed
		}
	}
}

// lacks returns the error of a call that requires a position that the store does not have.
func (s *Store) lacks(position uint64, why string) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the call requires position %d, and this server has position %d %s; try again, or use another server", position, s.LastPosition(), why)}
}
