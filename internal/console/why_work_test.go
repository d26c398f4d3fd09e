package console_test

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// countingStore counts what a page reads.
type countingStore struct {
	dcb.EventStore
	heads, reads, events atomic.Int64
}

func (s *countingStore) Head(ctx context.Context) (uint64, error) {
	s.heads.Add(1)
	return s.EventStore.Head(ctx)
}

func (s *countingStore) Read(ctx context.Context, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	s.reads.Add(1)
	if options.Limit != nil {
		s.events.Add(int64(*options.Limit))
	}
	return s.EventStore.Read(ctx, query, options)
}

// Check a condition reads once, however many tags its URL and the events have.
func TestWorkOfWhy(t *testing.T) {
	var counted *countingStore
	s := newSite(t, func(b *web.Backend) {
		counted = &countingStore{EventStore: b.Events}
		b.Events = counted
	})
	var tags []string
	for n := range 6500 {
		tags = append(tags, fmt.Sprint(n))
	}
	for range 12 {
		s.append(dcb.Event{Type: "A", Tags: tags})
	}
	for _, values := range []url.Values{{"tag": tags[:1]}, {"tag": tags}, {"item": itemsOf(tags[:4000])}} {
		values.Set("after", "0")
		*counted = countingStore{EventStore: counted.EventStore}
		page := s.why("/why?" + values.Encode())
		if len(page.Conflicts) != 10 || !page.More {
			t.Errorf("with %d tags and %d items, there are %d conflicts", len(values["tag"]), len(values["item"]), len(page.Conflicts))
		}
		if heads, reads, events := counted.heads.Load(), counted.reads.Load(), counted.events.Load(); heads != 1 || reads != 1 || events != 11 {
			t.Errorf("with %d tags and %d items, the page asks %d times for the head, and reads %d times up to %d events", len(values["tag"]), len(values["item"]), heads, reads, events)
		}
	}
}

// itemsOf returns an item for each tag, as a URL has it.
func itemsOf(tags []string) (items []string) {
	for _, tag := range tags {
		items = append(items, "tag="+tag)
	}
	return items
}
