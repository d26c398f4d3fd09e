package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

const (
	// beatInterval is how often a stream reports that the server can be reached.
	beatInterval = 5 * time.Second
	// liveInterval is the time between two messages with events.
	liveInterval = 50 * time.Millisecond
	// retryTime is how long browsers wait before they connect again, in milliseconds.
	retryTime = 1000
)

// liveStream is an answer with events as they are appended.
type liveStream struct {
	tail
	w        http.ResponseWriter
	backend  *web.Backend
	under    narrowing
	position uint64 // the id of messages: up to it, all events that match were sent
}

// liveMessage is the data of a message with events.
type liveMessage struct {
	// Count is the number of events since the last message, of which HTML has the newest ones, the newest one
	// first.
	Count int    `json:"count"`
	HTML  string `json:"html"`
}

// received is what a subscription yields: an event, the position up to which all events were checked,
// or an error.
type received struct {
	event   dcb.SequencedEvent
	checked uint64
	err     error
}

// run sends messages until ctx is done, the store closes or a call fails.
func (s *liveStream) run(ctx context.Context, head uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	events := s.subscribe(ctx)
	defer func() {
		cancel()
		for range events { // the subscription uses the backend until it has ended
		}
	}()
	if err := s.beat(head); err != nil {
		return err
	}
	beats := time.NewTicker(beatInterval)
	defer beats.Stop()
	var news recent
	checked := s.position
	var pause <-chan time.Time // since the last message with events; nil if it is over
	for {
		select {
		case got, ok := <-events:
			if !ok || ctx.Err() != nil {
				return nil
			}
			if got.err != nil {
				return s.fail(got.err)
			}
			if got.event.Position == 0 {
				checked = max(checked, got.checked)
				continue
			}
			news.add(got.event, s.limit)
			if pause != nil {
				continue
			}
		case <-pause:
			pause = nil
		case <-beats.C:
			head, err := headSoon(ctx, s.backend)
			if err != nil && ctx.Err() == nil {
				return s.fail(err)
			}
			if err != nil {
				return nil
			}
			if news.count == 0 {
				s.position = max(s.position, checked)
			}
			if err := s.beat(head); err != nil {
				return err
			}
			continue
		case <-ctx.Done():
			return nil
		}
		if news.count > 0 {
			if err := s.send(news); err != nil {
				return err
			}
			news, pause = recent{}, time.After(liveInterval)
		}
	}
}

// subscribe returns the events after the position. The channel is closed when the subscription has ended, with its
// error as the last element.
func (s *liveStream) subscribe(ctx context.Context) <-chan received {
	events := make(chan received)
	send := func(r received) bool {
		select {
		case events <- r:
			return true
		case <-ctx.Done():
			return false
		}
	}
	options := dcb.SubscribeOptions{OnProgress: func(p dcb.Progress) { send(received{checked: p.Checked}) }}
	after := s.position
	go func() {
		defer close(events)
		for event, err := range s.backend.Events.Subscribe(ctx, s.query, after, options) {
			if !send(received{event: event, err: err}) {
				return
			}
		}
	}()
	return events
}

// send sends the newest of the events that have arrived.
func (s *liveStream) send(news recent) error {
	news.dropTo(s.limit)
	var html bytes.Buffer
	for i := len(news.events) - 1; i >= 0; i-- {
		shown := shownEvent{SequencedEvent: news.events[i], by: itemFor(s.query, &news.events[i].Event), under: s.under}
		if err := templates["live"].ExecuteTemplate(&html, "event", browsedEvent{shown, s.view}); err != nil {
			return err
		}
	}
	s.position = news.events[len(news.events)-1].Position
	return s.write("events", liveMessage{news.count, html.String()})
}

// beat sends the head. Its id lets a browser that loses the connection resume where no event has matched.
func (s *liveStream) beat(head uint64) error {
	return s.write("beat", struct {
		Head uint64 `json:"head"`
	}{head})
}

// fail sends why the stream ends.
func (s *liveStream) fail(err error) error { return s.write("problem", problemOf(web.Denied(err))) }

// write writes a message. An error means that the browser has gone.
func (s *liveStream) write(event string, data any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text) // it ends with a newline
	encoder.SetEscapeHTML(false)      // HTML would become much longer
	if err := encoder.Encode(data); err != nil {
		return err
	}
	fmt.Fprintf(s.w, "retry: %d\nid: %d\nevent: %s\ndata: %s\n", retryTime, s.position, event, &text)
	return http.NewResponseController(s.w).Flush()
}
