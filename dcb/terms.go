package dcb

import (
	"context"
	"errors"
	"io"
	"iter"
)

// TermIndex is implemented by the event stores of packages umadb and client. A term is an event
// type or a tag. The answers come from the index: no event is read. A server of another program may
// not have it: then the error matches errors.ErrUnsupported.
type TermIndex interface {
	// Types returns event types with the number of their events. Nothing is read before a
	// method of the response is called. The cost depends on the number of types and tags in
	// the store, not on the options: a million take some 0.2 seconds, and more if they are on a
	// cold disk. Only a search without an order ends early, at its limit.
	Types(ctx context.Context, options TermsOptions) *TermsResponse

	// Tags is Types for tags.
	Tags(ctx context.Context, options TermsOptions) *TermsResponse

	// CountTerms returns the number of events of each type and each tag in a query, whatever
	// else its items require. It costs a lookup for each of them, as a read does.
	CountTerms(ctx context.Context, query Query) (*TermCounts, error)

	// CountEvents returns how many events between positions match a query: element i of the
	// result is the number of those after bounds[i], up to and including bounds[i+1]. The bounds
	// are from 2 to MaxCountBounds positions that do not descend, and may be above the head. All
	// numbers are those of one moment. A query of one tag or of types costs a lookup for each
	// bound. Another one costs an evaluation as by a read: some millions of matches in a second.
	CountEvents(ctx context.Context, query Query, bounds []uint64) ([]uint64, error)
}

// MaxCountBounds is the maximum number of bounds of TermIndex.CountEvents.
const MaxCountBounds = 1001

// MaxOrderedTerms is the maximum of TermsOptions.Limit with an order.
const MaxOrderedTerms = 1000

// TermsOptions selects types or tags. The zero value selects all.
type TermsOptions struct {
	// Prefix is that of the names, in UTF-8 and of at most MaxPrefixBytes bytes.
	Prefix string
	// Order is that of the result. An order needs a limit, so that the store need not keep
	// all names in memory.
	Order TermOrder
	// Limit is the maximum number of results. 0 means no limit.
	Limit uint32
}

// MaxPrefixBytes is the maximum size in bytes of TermsOptions.Prefix.
const MaxPrefixBytes = 4096

// TermOrder is an order of types or tags.
type TermOrder uint8

const (
	// AnyOrder is unspecified. With a limit, it is the fastest, because the search ends
	// when enough names are found.
	AnyOrder TermOrder = 0
	// ByEvents is the descending order of the number of events. Names with the same number are
	// in the order of ByName.
	ByEvents TermOrder = 1
	// ByName is the ascending order of the bytes of the name.
	ByName TermOrder = 2
)

// TermCount is an event type or a tag, with the number of events that have it.
type TermCount struct {
	Name   string `json:"name"`
	Events uint64 `json:"events"`
}

// TermCounts contains the types and the tags of a query, each of them once.
type TermCounts struct {
	Types, Tags []TermCount
}

// Missing returns the types and the tags that no event has.
func (c *TermCounts) Missing() (types, tags []string) {
	return withoutEvents(c.Types), withoutEvents(c.Tags)
}

func withoutEvents(counts []TermCount) (names []string) {
	for _, c := range counts {
		if c.Events == 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

// TermsResponse is the result of TermIndex.Types and Tags. With an order, all numbers are those
// of one moment. Otherwise each is that of a moment during the iteration: a name that has events
// when it starts is returned once, and one that gets its first event meanwhile may be returned.
// A TermsResponse must not be used by several goroutines at the same time.
type TermsResponse struct {
	next     func() ([]TermCount, uint64, error)
	close    func()
	distinct uint64
	err      error // io.EOF or the error that ended the response; no call of next follows it
}

// NewTermsResponse returns a response for implementations of TermIndex. next returns the next
// names and, with the last ones, their distinct number, if it is known; and io.EOF after that.
// close releases the resources of the response; it is called once.
func NewTermsResponse(next func() ([]TermCount, uint64, error), close func()) *TermsResponse {
	return &TermsResponse{next: next, close: close}
}

// All returns an iterator over the names. If the call fails, the iterator yields the error
// last. The response is closed when the loop ends.
func (r *TermsResponse) All() iter.Seq2[TermCount, error] {
	return func(yield func(TermCount, error) bool) {
		defer r.Close()
		for {
			batch, err := r.nextBatch()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(TermCount{}, err)
				return
			}
			for _, term := range batch {
				if !yield(term, nil) {
					return
				}
			}
		}
	}
}

// Collect returns the names that have not been returned yet, and how many names have the
// prefix, whatever the limit. That number is 0 if the limit has ended the search, which happens only
// without an order. Collect closes the response.
func (r *TermsResponse) Collect() (terms []TermCount, distinct uint64, err error) {
	defer r.Close()
	for {
		batch, err := r.nextBatch()
		if errors.Is(err, io.EOF) {
			return terms, r.distinct, nil
		}
		if err != nil {
			return nil, 0, err
		}
		terms = append(terms, batch...)
	}
}

// Close ends the call and releases its resources. It may be called at any time and more than
// once. Reading to the end closes the response too.
func (r *TermsResponse) Close() { r.end(ErrClosed) }

func (r *TermsResponse) nextBatch() ([]TermCount, error) {
	if r.err != nil {
		return nil, r.err
	}
	batch, distinct, err := r.next()
	if err != nil {
		r.end(err)
		return nil, err
	}
	r.distinct = max(r.distinct, distinct)
	return batch, nil
}

func (r *TermsResponse) end(err error) {
	if r.err == nil {
		r.err = err
		r.close()
	}
}
