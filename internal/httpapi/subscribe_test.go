package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// patience is the maximum time to wait for a stream.
const patience = 30 * time.Second

// events is a received stream of server-sent events.
type events struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Reader
}

// subscribe opens a stream.
func (a *api) subscribe(query string, header ...string) *events {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	a.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/v1/subscribe"+query, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { response.Body.Close() })
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		a.t.Fatalf("the answer is %s, %s", response.Status, kind)
	}
	return &events{a.t, response, bufio.NewReader(response.Body)}
}

// next returns the fields of the next event. Comments are omitted.
func (e *events) next() (fields []string, err error) {
	for {
		line, err := e.lines.ReadString('\n')
		line = strings.TrimSuffix(line, "\n")
		switch {
		case err != nil:
			return fields, err
		case line == "" && len(fields) > 0:
			return fields, nil
		case line != "" && !strings.HasPrefix(line, ":"):
			fields = append(fields, line)
		}
	}
}

// want compares the fields of the next event. Of data only the start is compared.
func (e *events) want(fields ...string) {
	e.t.Helper()
	got, err := e.next()
	if err != nil || !slices.EqualFunc(got, fields, strings.HasPrefix) {
		e.t.Fatalf("the event is %q (%v), want %q", got, err, fields)
	}
}

func TestSubscriptionHasStoredAndNewEvents(t *testing.T) {
	a := newAPI(t)
	a.append(event("A", "x"), event("B"), event("A", "x"))
	s := a.subscribe("?tag=x")
	s.want("retry: 3000")
	s.want("id: 1", `data: {"position":1,`)
	s.want("id: 3", `data: {"position":3,`)
	s.want("id: 3", "event: caught-up", `data: {"checked":3,"head":3}`)
	a.append(event("A", "x"))
	s.want("id: 4", `data: {"position":4,`)
	a.append(event("C", "x"))
	s.want("id: 5", `data: {"position":5,`)
}

func TestSubscriptionContinuesAfterAPosition(t *testing.T) {
	a := newAPI(t)
	a.append(event("A"), event("A"), event("A"))
	for query, header := range map[string][]string{
		"?after=2":          nil,
		"":                  {"Last-Event-ID", "2"},
		"?after=1":          {"Last-Event-ID", "2"},
		"?since=1h":         {"Last-Event-ID", "2"},
		"?since=1h&after=2": nil,
	} {
		s := a.subscribe(query, header...)
		s.want("retry: 3000")
		s.want("id: 3", `data: {"position":3,`)
	}
}

// A client that continues after such an id does not search twice what does not match.
func TestIdMovesThoughNothingMatches(t *testing.T) {
	a := newAPI(t)
	a.append(event("A"), event("A"))
	s := a.subscribe("?type=none")
	s.want("retry: 3000")
	s.want("id: 2", "event: caught-up", `data: {"checked":2,"head":2}`)
}

func TestSubscriptionEndsWhenTheServerStops(t *testing.T) {
	a := newAPI(t)
	s := a.subscribe("")
	s.want("retry: 3000")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a.web.Stop(ctx)
	for {
		if _, err := s.next(); err != nil {
			if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the stream ends with %v", err)
			}
			return
		}
	}
}

// waiting is a store whose subscriptions wait until their context is done. It cannot be read: a key may
// have the right to subscribe only.
type waiting struct {
	dcb.EventStore
	ended chan struct{}
}

func (w waiting) Subscribe(ctx context.Context, _ dcb.Query, _ uint64, _ ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		<-ctx.Done()
		close(w.ended)
		yield(dcb.SequencedEvent{}, ctx.Err())
	}
}

func TestSubscriptionEndsWhenTheClientLeaves(t *testing.T) {
	w := waiting{ended: make(chan struct{})}
	a := serve(t, web.Options{}, &web.Backend{Events: w})
	s := a.subscribe("")
	s.want("retry: 3000")
	s.response.Body.Close()
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Error("the subscription has not ended")
	}
}

// A request for the headers of a stream has an answer that ends.
func TestHeadersOfSubscription(t *testing.T) {
	a := newAPI(t)
	if got := a.do(http.MethodHead, "/v1/subscribe", ""); got.status != http.StatusOK || got.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("the answer is %+v", got)
	}
}
