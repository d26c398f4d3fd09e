package httpapi

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// head returns the position of the last event.
func head(ctx context.Context, p *parameters, b *web.Backend) (any, error) {
	if err := p.only(); err != nil {
		return nil, err
	}
	position, err := b.Events.Head(ctx)
	return map[string]uint64{"head": position}, err
}

// positionAt returns the head as it was at a time.
func positionAt(ctx context.Context, p *parameters, b *web.Backend) (any, error) {
	if err := p.only("time"); err != nil {
		return nil, err
	}
	text, err := p.one("time")
	if err != nil {
		return nil, err
	}
	at, err := selection.ParseTime(text, time.Now())
	if err != nil {
		return nil, invalid("the parameter %q is %q: %v", "time", text, err)
	}
	position, err := b.Events.PositionAt(ctx, at)
	return map[string]uint64{"position": position}, err
}

// tracking returns the last recorded position of a source; null if there is none.
func tracking(ctx context.Context, p *parameters, b *web.Backend) (any, error) {
	if err := p.only("source"); err != nil {
		return nil, err
	}
	if !p.Has("source") {
		return nil, invalid("the parameter %q is missing: it is the name of the tracking source", "source")
	}
	source, err := p.one("source")
	if err != nil {
		return nil, err
	}
	position, found, err := b.Events.GetTrackingInfo(ctx, source)
	answer := map[string]any{"source": source, "position": nil}
	if found {
		answer["position"] = position
	}
	return answer, err
}

// termOrders are the values of the parameter order.
var termOrders = map[string]dcb.TermOrder{"": dcb.ByEvents, "events": dcb.ByEvents, "name": dcb.ByName}

const defaultTerms = 100

// types returns the event types with the number of their events.
func types(ctx context.Context, p *parameters, b *web.Backend) (any, error) {
	return terms(ctx, p, "types", b.Terms.Types)
}

// tags is types for tags.
func tags(ctx context.Context, p *parameters, b *web.Backend) (any, error) {
	return terms(ctx, p, "tags", b.Terms.Tags)
}

func terms(ctx context.Context, p *parameters, noun string, ask func(context.Context, dcb.TermsOptions) *dcb.TermsResponse) (any, error) {
	if err := p.only("prefix", "order", "limit"); err != nil {
		return nil, err
	}
	prefix, err := p.one("prefix")
	if err != nil {
		return nil, err
	}
	text, err := p.one("order")
	if err != nil {
		return nil, err
	}
	order, known := termOrders[text]
	if !known {
		return nil, invalid("the parameter %q is %q: it must be events or name", "order", text)
	}
	limit, err := p.number("limit", defaultTerms, 1, dcb.MaxOrderedTerms)
	if err != nil {
		return nil, err
	}
	found, distinct, err := ask(ctx, dcb.TermsOptions{Prefix: prefix, Order: order, Limit: uint32(limit)}).Collect()
	return map[string]any{noun: listed(found), "distinct": distinct}, err
}

// count returns how many events the parameters select, and how many events have each type and each
// tag of the query.
func count(ctx context.Context, p *parameters, b *web.Backend) (any, error) {
	s, err := p.selection("type", "tag", "item", "since", "until", "after")
	if err != nil {
		return nil, err
	}
	positions, err := s.Positions(ctx, b.Events)
	if err != nil {
		return nil, err
	}
	events, err := b.Terms.CountEvents(ctx, s.Query, positions.Bounds(0))
	if err != nil {
		return nil, err
	}
	counts, err := b.Terms.CountTerms(ctx, s.Query)
	if err != nil {
		return nil, err
	}
	return map[string]any{"events": events[0], "types": listed(counts.Types), "tags": listed(counts.Tags)}, nil
}

// listed returns terms that are never null in JSON.
func listed(terms []dcb.TermCount) []dcb.TermCount {
	if terms == nil {
		return []dcb.TermCount{}
	}
	return terms
}
