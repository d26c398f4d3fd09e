package console

import (
	"context"
	"encoding/base64"
	"net/http"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/web"
)

const (
	// pageBytes is the maximum size of the events of a page as JSON.
	pageBytes = 8 << 20
	// briefBytes is the maximum size of an event as JSON where pages show events beside other things.
	briefBytes = 64 << 10
	// largePage is the size of events as JSON from which on a page is large, and largePages the maximum
	// number of large pages that are made at the same time.
	largePage  = 1 << 20
	largePages = 8
)

// large has an element for each large page that is being made.
var large = make(chan struct{}, largePages)

// budget is how large the events of a page may be. The data of an event that is larger than what is
// left is omitted, except its begin.
type budget struct {
	request context.Context
	left    int // bytes as JSON
	kept    int
	isLarge bool
}

// newBudget returns a budget for the answer to a request.
func newBudget(r *http.Request, most int) *budget { return &budget{request: r.Context(), left: most} }

// keep returns an event with its data, or so many bytes of it.
func (b *budget) keep(ctx context.Context, e dcb.SequencedEvent, begin int) (shownEvent, error) {
	shown := newShownEvent(e, b.left, begin)
	size := jsonSize(&shown.SequencedEvent)
	b.left, b.kept = b.left-size, b.kept+size
	if b.kept <= largePage || b.isLarge {
		return shown, nil
	}
	b.isLarge = true
	return shown, claimLarge(ctx, b.request)
}

// claimLarge waits until a large page may be made. It counts until the request ends.
func claimLarge(ctx, request context.Context) error {
	select {
	case large <- struct{}{}:
		context.AfterFunc(request, func() { <-large })
		return nil
	case <-ctx.Done():
		return &web.StatusError{Status: http.StatusServiceUnavailable, Detail: "there is no memory for a large page: try again later, or ask for fewer events"}
	}
}

// jsonSize returns the size of an event as JSON, roughly.
func jsonSize(e *dcb.SequencedEvent) int {
	n := 100 + textSize(e.Event.Type) + len(e.Event.UUID) + textSize(string(e.Event.Data))
	for _, tag := range e.Event.Tags {
		n += textSize(tag)
	}
	for _, m := range e.Event.Metadata {
		n += textSize(m.Key) + textSize(m.Value)
	}
	return n
}

// textSize returns the size of text as a string of JSON, or in base64.
func textSize(text string) int {
	n := len(`"",`)
	if !utf8.ValidString(text) {
		return n + base64.StdEncoding.EncodedLen(len(text))
	}
	for _, r := range text {
		switch {
		case r == '"' || r == '\\' || r >= '\b' && r <= '\r' && r != '\v':
			n += len(`\n`)
		case r > 0xffff && ndjson.IsControl(r):
			n += len(`\udb40\udc01`)
		case ndjson.IsControl(r):
			n += len(`\u0000`)
		default:
			n += utf8.RuneLen(r)
		}
	}
	return n
}
