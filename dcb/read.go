package dcb

import (
	"errors"
	"io"
	"iter"
)

// ReadResponse is the result of one Read. It is for one goroutine. Nothing is
// read before the first call of a method.
type ReadResponse struct {
	next  func() ([]SequencedEvent, uint64, error)
	close func()

	pending []SequencedEvent // fetched to learn the head, not yet given
	head    uint64
	fetched bool  // a fetch has succeeded
	err     error // io.EOF or what ended the read; no fetch after it
}

// NewReadResponse makes a response of a function that fetches the next batch
// with its head (0 for none), and io.EOF after the last, and of one that frees
// what the function holds. It is for those who implement an EventStore.
func NewReadResponse(next func() ([]SequencedEvent, uint64, error), close func()) *ReadResponse {
	return &ReadResponse{next: next, close: close}
}

// All ranges over the events. An error is the last thing that it yields.
// Leaving the loop early closes the response.
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

// NextBatch returns the next events in the number they arrived in, and io.EOF
// when there are no more.
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

// Head returns the position to give as AppendCondition.After: without a limit,
// that of the store's last event when the read began; with one, that of the
// last event of the newest batch. 0 if there is none.
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

// Collect returns all events not yet given, and the head.
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

// Close ends the read and frees what it holds. It may be called at any time
// and more than once; reading to the end closes too.
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
