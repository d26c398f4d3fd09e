package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Append implements dcb.EventStore.
func (s *Store) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	request, err := record.NewAppend(events, condition, tracking, &s.options.Limits)
	if err != nil {
		return 0, err
	}
	return s.Commit(ctx, request, nil)
}

// Read implements dcb.EventStore. It captures the published head before it returns.
func (s *Store) Read(ctx context.Context, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	cursor, err := s.openRead(&record.ReadRequest{Query: query, Options: options})
	next := func() ([]dcb.SequencedEvent, uint64, error) {
		if err != nil {
			return nil, 0, err
		}
		return decodeNext(ctx, cursor)
	}
	return dcb.NewReadResponse(next, func() {})
}

// openRead validates a request and opens a cursor for it.
func (s *Store) openRead(r *record.ReadRequest) (record.Cursor, error) {
	if err := r.Validate(&s.options.Limits); err != nil {
		return nil, err
	}
	return s.OpenRead(r)
}

// Subscribe implements dcb.EventStore.
func (s *Store) Subscribe(ctx context.Context, query dcb.Query, after uint64) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		if err := record.ValidateQuery(query, &s.options.Limits); err != nil {
			yield(dcb.SequencedEvent{}, err)
			return
		}
		cursor, err := s.OpenSubscription(&record.SubscribeRequest{Query: query, After: after})
		for err == nil {
			var events []dcb.SequencedEvent
			events, _, err = decodeNext(ctx, cursor)
			for _, event := range events {
				if !yield(event, nil) {
					return
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(dcb.SequencedEvent{}, err)
		}
	}
}

func decodeNext(ctx context.Context, cursor record.Cursor) ([]dcb.SequencedEvent, uint64, error) {
	if err := cursor.Wait(ctx); err != nil {
		return nil, 0, err
	}
	message, err := cursor.Next(ctx, nil, math.MaxInt)
	if err != nil {
		return nil, 0, err
	}
	events, head, err := record.DecodeResponse(message)
	if err != nil {
		err = &dcb.Error{Kind: dcb.ErrCorruption, Detail: "reading events", Cause: err}
	}
	return events, head, err
}
