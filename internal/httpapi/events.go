package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

const (
	// headHeader is the position up to which an answer has all events that match.
	headHeader = "Umadb-Head"
	// nextHeader is the position at which the next page starts.
	nextHeader = "Umadb-Next"
	// pageBytes is the size in bytes at which a page ends, unless its limit ends it before.
	pageBytes = 1 << 20
	// writeBuffer is the size in bytes of what is written at once.
	writeBuffer = 32 << 10
)

// events answers with the events that the parameters select, as lines of JSON: all of them, or a
// page if there is a limit.
func (a *api) events(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	p, err := parametersOf(r)
	if err != nil {
		return err
	}
	s, err := selection.FromValues(p.Values, time.Now())
	if err != nil {
		return err
	}
	if limit := s.Options.Limit; limit != nil && *limit == 0 {
		return invalid("the parameter %q is 0: it must be at least 1", "limit")
	}
	read := &reading{api: a, ctx: r.Context(), store: b.Events, selection: s}
	if read.positions, err = selection.RecordedBetween(r.Context(), b.Events, s.Since, s.Until); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if s.Options.Limit == nil {
		return read.all(w, r)
	}
	return read.page(w, r, p)
}

// reading is a request for events.
type reading struct {
	*api
	ctx       context.Context
	store     dcb.EventStore
	selection selection.Selection
	positions selection.Positions
}

// all answers with all events.
func (a *reading) all(w http.ResponseWriter, r *http.Request) error {
	response := a.positions.Read(a.ctx, a.store, a.selection.Query, a.selection.Options)
	defer response.Close()
	head, err := response.Head()
	if err == nil && a.positions.First > a.positions.Last {
		head, err = a.store.Head(a.ctx)
	}
	if err != nil {
		return err
	}
	w.Header().Set(headHeader, strconv.FormatUint(a.covered(head), 10))
	if r.Method == http.MethodHead {
		return nil
	}
	control := http.NewResponseController(w)
	out := bufio.NewWriterSize(w, writeBuffer)
	for {
		batch, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range batch {
			if err := a.writeLine(a.ctx, out, "", &batch[i]); err != nil {
				return err
			}
		}
		if err := errors.Join(out.Flush(), control.Flush()); err != nil {
			return err
		}
	}
}

// page answers with events up to a limit, and with where the next page starts, if there are more.
func (a *reading) page(w http.ResponseWriter, r *http.Request, p *parameters) error {
	limit := int(*a.selection.Options.Limit)
	head, err := a.store.Head(a.ctx)
	if err != nil {
		return err
	}
	options := a.selection.Options
	options.Limit = nil // one more event than the limit, which may be the largest number
	if *a.selection.Options.Limit < 1<<32-1 {
		options.Limit = new(*a.selection.Options.Limit + 1)
	}
	var lines bytes.Buffer
	var last, next uint64
	count := 0
	for event, err := range a.positions.Read(a.ctx, a.store, a.selection.Query, options).All() {
		if err != nil {
			return err
		}
		if count == limit || lines.Len() >= pageBytes {
			next = event.Position
			break
		}
		if count == 0 || !options.Backwards {
			last = max(last, event.Position)
		}
		count++
		line, release, err := a.line(a.ctx, "", &event)
		if err != nil {
			return err
		}
		defer release() // lines has it until the end
		lines.Write(line)
	}
	head = a.covered(max(head, last))
	if next > 0 {
		w.Header().Set(nextHeader, strconv.FormatUint(next, 10))
		w.Header().Set("Link", fmt.Sprintf("<%s>; rel=\"next\"", a.nextPage(p, next)))
		if !options.Backwards {
			head = last
		}
	}
	w.Header().Set(headHeader, strconv.FormatUint(head, 10))
	w.Header().Set("Content-Length", strconv.Itoa(lines.Len()))
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = w.Write(lines.Bytes())
	return err
}

// covered returns the position up to which a complete answer has all events that match, for the
// head of the store when they were read.
func (a *reading) covered(head uint64) uint64 {
	head = min(head, a.positions.Last)
	if o := a.selection.Options; o.Backwards && o.Start != nil {
		head = min(head, *o.Start)
	}
	return head
}

// nextPage returns the URL of the page that starts at a position. Times that depend on when a
// request is made become those of this one.
func (a *reading) nextPage(p *parameters, start uint64) string {
	p.Del("after")
	p.Set("start", strconv.FormatUint(start, 10))
	for name, at := range map[string]time.Time{"since": a.selection.Since, "until": a.selection.Until} {
		if !at.IsZero() {
			p.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return "/v1/events?" + p.Encode()
}
