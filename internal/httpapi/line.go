package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/web"
)

const (
	// largeEvent is the size in bytes of the data from which on an event is large.
	largeEvent = 64 << 10
	// largeMemory bounds the memory for the lines of large events, in bytes.
	largeMemory = 64 << 20
	// lineCost is how many bytes a byte of data takes at most in a line: a control character is
	// escaped.
	lineCost = 6
	// memoryTimeout is how long an event waits for memory.
	memoryTimeout = 30 * time.Second
)

// line returns an event as a line after a prefix. Lines of large events share a bounded memory until
// release is called.
func (a *api) line(ctx context.Context, prefix string, e *dcb.SequencedEvent) (text []byte, release func(), err error) {
	size := len(e.Event.Data)
	if size < largeEvent {
		return ndjson.AppendEvent([]byte(prefix), e), func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, memoryTimeout)
	defer cancel()
	claimed := min(int64(size)*lineCost, largeMemory)
	if a.large.Acquire(ctx, claimed) != nil {
		return nil, nil, &web.StatusError{Status: http.StatusServiceUnavailable, Detail: "there is no memory for a large event; try again later"}
	}
	text = ndjson.AppendEvent([]byte(prefix), e)
	needed := min(int64(cap(text)), claimed)
	a.large.Release(claimed - needed)
	return text, func() { a.large.Release(needed) }, nil
}

// writeLine writes an event as a line after a prefix.
func (a *api) writeLine(ctx context.Context, w io.Writer, prefix string, e *dcb.SequencedEvent) error {
	text, release, err := a.line(ctx, prefix, e)
	if err != nil {
		return err
	}
	defer release()
	_, err = w.Write(text)
	return err
}
