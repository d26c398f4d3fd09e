package store

import (
	"context"
	"io"
	"math"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// termSource finds the terms of a request.
type termSource interface {
	// fill adds the next terms to a message that is empty, and reports whether they are the
	// last ones. A message that is not the last one has at least one term.
	fill(ctx context.Context, m *termMessage) (end bool, err error)
}

// termMessage is a message that is being made.
type termMessage struct {
	bytes        []byte
	start, space int // the message starts at start and has at most space bytes
	terms        int // number of terms
	need         int // number of bytes that the first term needs if there is no space for it
}

// put adds a term and reports whether there was space for it. The name may change afterwards.
func (m *termMessage) put(t *record.Term) bool {
	size := record.SizeOfTerm(t) + record.MaxDistinctBytes
	switch {
	case m.terms > 0 && len(m.bytes)-m.start+size > min(m.space, batchBytes):
		return false
	case m.terms == 0 && size > m.space:
		m.need = size
		return false
	}
	m.bytes = record.AppendTerm(m.bytes, t)
	m.terms++
	return true
}

// end adds the distinct number of terms.
func (m *termMessage) end(distinct uint64) { m.bytes = record.AppendDistinct(m.bytes, distinct) }

// termsCursor returns the messages for a request. Like cursor, it references no state between
// messages.
type termsCursor struct {
	store    *Store
	source   termSource
	done     bool
	progress record.Progress
}

// OpenTerms opens a cursor for the answer to a request. In a store that another process writes,
// it may have to wait until ctx is done.
func (s *Store) OpenTerms(ctx context.Context, r *record.TermsRequest) (record.Cursor, error) {
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	return &termsCursor{store: s, source: s.termSource(r)}, nil
}

func (s *Store) termSource(r *record.TermsRequest) termSource {
	if r.Query != nil {
		return newQueryTerms(s, *r.Query)
	}
	pass := termPass{store: s, kind: index.Kind(r.Kind), prefix: r.Options.Prefix} // the kinds have the same numbers
	if r.Options.Order == dcb.AnyOrder {
		return &anyTerms{pass: pass, limit: uint64(r.Options.Limit)}
	}
	top := &rankedTerms{pass: pass, ranking: ranking{limit: int(r.Options.Limit), compare: CompareCounts}}
	if r.Options.Order == dcb.ByName {
		top.ranking.compare = compareNames
	}
	return top
}

// Wait implements record.Cursor. An answer never waits for events.
func (c *termsCursor) Wait(context.Context) error {
	if c.done {
		return io.EOF
	}
	return nil
}

// Next implements record.Cursor.
func (c *termsCursor) Next(ctx context.Context, dst []byte, space int) ([]byte, error) {
	if c.done {
		return dst, io.EOF
	}
	if err := c.store.gate.enter(ctx); err != nil {
		return dst, err
	}
	defer c.store.gate.leave()
	m := termMessage{bytes: dst, start: len(dst), space: space}
	end, err := c.source.fill(ctx, &m)
	switch {
	case err != nil:
		return dst, storeError(err, "counting types and tags")
	case m.need > 0:
		return dst, &record.MessageTooSmallError{Need: m.need}
	}
	c.progress.Events += uint64(m.terms)
	c.done = end
	return m.bytes, nil
}

// Progress implements record.Cursor. It counts terms instead of events.
func (c *termsCursor) Progress() record.Progress { return c.progress }

// Close implements record.Cursor.
func (c *termsCursor) Close() { c.done = true }

// Types implements dcb.TermIndex.
func (s *Store) Types(ctx context.Context, options dcb.TermsOptions) *dcb.TermsResponse {
	return s.namesOf(ctx, &record.TermsRequest{Kind: record.TypeTerm, Options: options})
}

// Tags implements dcb.TermIndex.
func (s *Store) Tags(ctx context.Context, options dcb.TermsOptions) *dcb.TermsResponse {
	return s.namesOf(ctx, &record.TermsRequest{Kind: record.TagTerm, Options: options})
}

func (s *Store) namesOf(ctx context.Context, r *record.TermsRequest) *dcb.TermsResponse {
	return record.NewTermsResponse(s.termMessages(ctx, r), unreadableTerms, func() {})
}

// CountTerms implements dcb.TermIndex.
func (s *Store) CountTerms(ctx context.Context, query dcb.Query) (*dcb.TermCounts, error) {
	return record.CollectTermCounts(s.termMessages(ctx, &record.TermsRequest{Query: &query}), unreadableTerms)
}

// termMessages returns a function that returns the messages for a request. The cursor is opened by
// the first call.
func (s *Store) termMessages(ctx context.Context, r *record.TermsRequest) func() ([]byte, error) {
	var cursor record.Cursor
	return func() (message []byte, err error) {
		if cursor == nil {
			if err := r.Validate(&s.options.Limits); err != nil {
				return nil, err
			}
			if cursor, err = s.OpenTerms(ctx, r); err != nil {
				return nil, err
			}
		}
		return cursor.Next(ctx, nil, math.MaxInt)
	}
}

func unreadableTerms(err error) error {
	return &dcb.Error{Kind: dcb.ErrInternal, Detail: "counting types and tags", Cause: err}
}
