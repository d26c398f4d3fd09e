package server

import (
	"context"
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// handleTerms handles Terms.
func (s *Server) handleTerms(c *call) error {
	parsed, query, err := receiveQuery(s, c, s.queries, record.ParseTerms)
	if err != nil {
		return err
	}
	defer query.release()
	return s.askIndex(c, access{terms: parsed}, func(ctx context.Context) error { return s.sendTerms(ctx, c, parsed) })
}

// sendTerms sends the answer to a request.
func (s *Server) sendTerms(ctx context.Context, c *call, parsed *record.TermsRequest) error {
	cursor, err := s.store.OpenTerms(ctx, parsed)
	if err != nil {
		return err
	}
	defer cursor.Close()
	out := s.newSendWindow(c, c.trackMessages())
	// An answer in an order is made of all terms before its message needs memory.
	small := parsed.Options.Order != dcb.AnyOrder
	for {
		m, err := out.next(ctx, cursor, small)
		if err == nil {
			last := errors.Is(cursor.Wait(ctx), io.EOF)
			if err = out.send(m, last); err == nil && last {
				return nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// permitsTerms returns nil if the key could count, by reading, the events of each type and each
// tag that the answer to a request may contain.
func (k *key) permitsTerms(r *record.TermsRequest) error {
	if r.Query != nil {
		for i, item := range r.Query.Items {
			if err := k.permitsCounts(i+1, item); err != nil {
				return err
			}
		}
		return nil
	}
	switch s := k.scope; {
	case s.types != nil && s.prefixes != nil:
		return k.denied(manyLimits)
	case r.Kind == record.TypeTerm && s.types != nil:
		return k.denied("is limited to some event types, and cannot list types: name permitted types in a query")
	case r.Kind == record.TypeTerm:
		return k.denied(otherLimit, "tag prefixes", "types")
	case s.types != nil:
		return k.denied(otherLimit, "event types", "tags")
	case !s.hasTag(r.Options.Prefix):
		return k.denied("is limited to some tag prefixes, and can only list tags that start with one of them: name it")
	}
	return nil
}

// The reasons of permitsTerms that do not depend on the names in the request.
const (
	manyLimits = "is limited to some event types and some tag prefixes, and cannot count events by type or tag alone"
	otherLimit = "is limited to some %s, and cannot count the events of %s, which others may have too"
)

// permitsCounts returns nil if the key could count the events of each type and each tag of an
// item.
func (k *key) permitsCounts(number int, item dcb.QueryItem) error {
	switch s := k.scope; {
	case len(item.Types) == 0 && len(item.Tags) == 0:
	case s.types != nil && s.prefixes != nil:
		return k.denied(manyLimits)
	case len(item.Types) > 0 && s.prefixes != nil:
		return k.denied(otherLimit, "tag prefixes", "types")
	case len(item.Tags) > 0 && s.types != nil:
		return k.denied(otherLimit, "event types", "tags")
	case !all(item.Types, s.hasType):
		return k.denied("is limited to some event types, and item %d of the query names another", number)
	case !all(item.Tags, func(tag string) bool { return s.prefixes == nil || s.hasTag(tag) }):
		return k.denied("is limited to some tag prefixes, and item %d of the query has a tag without one of them", number)
	}
	return nil
}
