package httpapi

import (
	"context"
	"net/http"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// subscribe answers with the events that the parameters select, stored and new ones, as server-sent
// events.
func (a *api) subscribe(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	p, err := parametersOf(r)
	if err != nil {
		return err
	}
	s, err := p.selection("type", "tag", "item", "since", "after")
	if err != nil {
		return err
	}
	after, err := startOf(r, b.Events, s)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for nginx
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := newStream(w, cancel)
	return out.close(a.follow(ctx, b.Events, s.Query, after, out))
}

// follow writes the events of a subscription until it ends.
func (a *api) follow(ctx context.Context, events dcb.EventStore, query dcb.Query, after uint64, out *stream) error {
	for event, err := range events.Subscribe(ctx, query, after, dcb.SubscribeOptions{OnProgress: out.progress}) {
		if err == nil {
			err = out.event(ctx, a, &event)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// startOf returns the position after which a subscription starts: that of the last event that the
// client has, or what the parameters say.
func startOf(r *http.Request, events dcb.EventStore, s selection.Selection) (uint64, error) {
	if last, found, err := web.LastEventID(r); found || err != nil {
		return last, err
	}
	positions, err := s.Positions(r.Context(), events)
	return positions.After(0), err
}
