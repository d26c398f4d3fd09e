package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// commitShared is Commit in shared mode. A shared log that does not answer can delay the outcome
// for any time, so the caller may leave before it. The pipeline then still uses the request.
func (s *Store) commitShared(ctx context.Context, request *record.AppendRequest, giveUp <-chan struct{}) (uint64, error) {
	if err := s.failureError(); err != nil {
		return 0, notAppended(err)
	}
	if err := s.shared.silent(); err != nil {
		return 0, notAppended(err)
	}
	op := s.newCommit(request)
	op.giveUp = giveUp
	own := op.request
	if request.Count == 0 && request.Tracking == nil { // only a check, which proposes nothing
		if err := s.refresh(ctx); err != nil {
			return 0, err
		}
	}
	position, err := s.commit(ctx, op)
	if errors.Is(err, record.ErrNoSpace) {
		err = notAppended(err)
	}
	if !errors.Is(err, record.ErrLost) {
		s.commits.failed(err)
	}
	if request.Times != nil && !errors.Is(err, dcb.ErrTransport) { // else the pipeline still has op
		*request.Times = *own.Times
	}
	return position, err
}

// notAppended adds to the error of an append that it had no effect, so that the caller can append
// with another server.
func notAppended(err error) error {
	e, ok := errors.AsType[*dcb.Error](err)
	if !ok {
		return err
	}
	refused := *e
	if refused.NotAppended = true; e.Cause == nil {
		refused.Detail += "; nothing was appended"
	}
	return &refused
}

// ownRequest returns a copy of a request, which the pipeline may use when its caller has left.
func ownRequest(request *record.AppendRequest) *record.AppendRequest {
	own := *request
	own.Events = slices.Clone(request.Events)
	if request.Times != nil {
		times := *request.Times
		own.Times = &times
	}
	return &own
}

// leftEarly returns the error of an append whose caller does not wait for its outcome.
func leftEarly(reason error) error {
	return record.UnknownOutcome(fmt.Sprintf("the shared log has not answered before the caller gave up (%v)", reason))
}
