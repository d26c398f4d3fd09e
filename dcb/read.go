package dcb

import (
	"errors"
	"io"
	"iter"
)

// ReadResponse is the result of a Read. Nothing is read before a method is
// called for the first time. A ReadResponse must not be used by several
// goroutines at the same time.
type ReadResponse struct {
	next  func() ([]SequencedEvent, uint64, error)
	close func()

	pending []SequencedEvent // fetched to learn the head, not yet returned
	head    uint64
	fetched bool  // a fetch has succeeded
	err     error // io.EOF or the error that ended the read; no fetch follows it
}

// NewReadResponse returns a response for implementations of EventStore. next
// returns the next batch of events and the head, which is 0 if there is none,
// and io.EOF after the last batch. close releases the resources of the read; it
// is called once.
func NewReadResponse(next func() ([]SequencedEvent, uint64, error), close func()) *ReadResponse {
	return &ReadResponse{next: next, close: close}
}

// All returns an iterator over the events. If the read fails, the iterator
// yields the error last. The response is closed when the loop ends.
func (r *ReadResponse) All() iter.Seq2[SequencedEvent, error] {
	return func(yield func(SequencedEvent, error) bool) {
		defer r.Close()
		for {
			batch, err := r.NextBatch()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(SequencedEvent{}, err)
				return
			}
			for _, event := range batch {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// NextBatch returns the next events, in batches as the store delivers them. It
// returns io.EOF after the last batch.
func (r *ReadResponse) NextBatch() ([]SequencedEvent, error) {
	if batch := r.pending; batch != nil {
		r.pending = nil
		return batch, nil
	}
	for {
		batch, err := r.fetch()
		if err != nil {
			return nil, err
		}
		if len(batch) > 0 {
			return batch, nil
		}
	}
}

// Head returns the position to use as AppendCondition.After. For a read without
// a limit this is the position of the last event in the store when the read
// started; for a read with a limit, the position of the last event of the
// latest batch. It is 0 if there is no such event.
func (r *ReadResponse) Head() (uint64, error) {
	if !r.fetched && r.err == nil {
		batch, _ := r.fetch()
		if len(batch) > 0 {
			r.pending = batch
		}
	}
	if !r.fetched && !errors.Is(r.err, io.EOF) {
		return 0, r.err
	}
	return r.head, nil
}

// Collect returns the events that have not been returned yet, and the head. It
// closes the response.
func (r *ReadResponse) Collect() ([]SequencedEvent, uint64, error) {
	defer r.Close()
	var events []SequencedEvent
	for {
		batch, err := r.NextBatch()
		if errors.Is(err, io.EOF) {
			return events, r.head, nil
		}
		if err != nil {
			return nil, 0, err
		}
		events = append(events, batch...)
	}
}

// Close ends the read and releases its resources. It may be called at any time
// and more than once. Reading to the end closes the response too.
func (r *ReadResponse) Close() {
	r.end(ErrClosed)
}

func (r *ReadResponse) fetch() ([]SequencedEvent, error) {
	if r.err != nil {
		return nil, r.err
	}
	batch, head, err := r.next()
	if err != nil {
		r.end(err)
		return nil, err
	}
	r.fetched, r.head = true, head
	return batch, nil
}

func (r *ReadResponse) end(err error) {
	if r.err == nil {
		r.err = err
		r.close()
	}
}
