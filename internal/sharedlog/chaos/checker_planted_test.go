package chaos

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// sample is a short history without violations, and its log.
type sample struct {
	history *history
	records []dcb.SequencedEvent
	now     time.Duration
}

func (s *sample) call(c *call) *call {
	c.Start, c.End = s.now+1, s.now+3
	s.now += 4
	s.history.Calls = append(s.history.Calls, c)
	return c
}

// append adds an append of n events with a tag.
func (s *sample) append(name, tag string, n int) *call {
	a := s.call(&call{Kind: "append", Outcome: accepted})
	for i := range n {
		a.Events = append(a.Events, dcb.Event{Type: "t", Tags: []string{tag}, UUID: fmt.Sprintf("%s-%d", name, i), Data: []byte(name)})
	}
	return a
}

// store adds the events of an append to the log.
func (s *sample) store(a *call) {
	for _, e := range a.Events {
		s.records = append(s.records, dcb.SequencedEvent{Position: s.head() + 1, Event: e, Tracking: a.Tracking})
	}
	if len(a.Events) == 0 {
		s.records = append(s.records, dcb.SequencedEvent{Tracking: a.Tracking})
	}
	if a.Outcome == accepted && len(a.Events) > 0 {
		a.Position = s.head()
	}
}

func (s *sample) head() (head uint64) {
	for _, r := range s.records {
		head = max(head, r.Position)
	}
	return head
}

func onTag(tag string) dcb.Query { return dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag}}}} }

// newSample returns a history with a call of each kind and outcome.
func newSample() *sample {
	s := &sample{history: &history{}}
	s.store(s.append("plain", "a", 2)) // 1, 2
	unique := s.append("unique", "b", 1)
	unique.Condition = &dcb.AppendCondition{FailIfEventsMatch: onTag("b")}
	s.store(unique) // 3
	refused := s.append("refused", "b", 1)
	refused.Condition = &dcb.AppendCondition{FailIfEventsMatch: onTag("b")}
	refused.Outcome, refused.Conflict = rejected, 3
	lucky := s.append("lucky", "a", 1)
	lucky.Outcome, lucky.Unknown = unknown, true
	s.store(lucky) // 4
	unlucky := s.append("unlucky", "a", 1)
	unlucky.Outcome, unlucky.Unknown = unknown, true
	s.append("failed", "a", 1).Outcome = failed
	tracked := s.append("tracked", "c", 1)
	tracked.Tracking = &dcb.TrackingInfo{Source: "s", Position: 7}
	s.store(tracked) // 5
	only := s.append("only", "c", 0)
	only.Tracking = &dcb.TrackingInfo{Source: "s", Position: 9}
	s.store(only)
	late := s.append("late", "c", 1)
	late.Tracking, late.Outcome = &dcb.TrackingInfo{Source: "s", Position: 8}, rejected
	s.call(&call{Kind: "head", Outcome: accepted, Head: 5})
	s.call(&call{Kind: "tracking", Outcome: accepted, Source: "s", Head: 9})
	s.call(&call{Kind: "read", Outcome: accepted, Query: onTag("a"), Head: 5, Positions: []uint64{1, 2, 4}, UUIDs: []string{"plain-0", "plain-1", "lucky-0"}})
	s.store(s.append("end", "a", 1)) // 6
	s.history.Subscriptions = []*subscription{{
		Query: onTag("a"), Positions: []uint64{1, 2, 4, 6}, UUIDs: []string{"plain-0", "plain-1", "lucky-0", "end-0"}, Complete: true,
	}}
	return s
}

// find returns the append with the given name, or the first call of a kind.
func (s *sample) find(name string) *call {
	for _, c := range s.history.Calls {
		if c.Kind == name || len(c.Events) > 0 && c.Events[0].UUID == name+"-0" {
			return c
		}
	}
	panic(name)
}

// remove removes the event at a position from the log.
func (s *sample) remove(position uint64) {
	s.records = slices.DeleteFunc(s.records, func(r dcb.SequencedEvent) bool { return r.Position == position })
	s.number()
}

// number makes the positions dense.
func (s *sample) number() {
	n := uint64(0)
	for i := range s.records {
		if s.records[i].Position != 0 {
			n++
			s.records[i].Position = n
		}
	}
}

// swap exchanges two events of the log.
func (s *sample) swap(a, b int) {
	s.records[a], s.records[b] = s.records[b], s.records[a]
	s.number()
}

func TestCheckerAcceptsASoundHistory(t *testing.T) {
	s := newSample()
	if violations := check(s.history, s.records); len(violations) > 0 {
		t.Errorf("violations: %q", violations)
	}
}

func TestCheckerFindsViolations(t *testing.T) {
	for _, planted := range []struct {
		name, want string // want is the start of a violation
		plant      func(*sample)
	}{
		{"an acknowledged event is lost", "lost: append of end-0", func(s *sample) { s.remove(6) }},
		{"an append is lost in part", "in part: append of plain-0", func(s *sample) { s.remove(2) }},
		{"an event is stored twice", "event lucky-0 is in the log at 4 and at 7", func(s *sample) {
			s.records = append(s.records, dcb.SequencedEvent{Position: 7, Event: s.find("lucky").Events[0]})
		}},
		{"an event has moved", "moved: append of end-0", func(s *sample) { s.find("end").Position = 5 }},
		{"two appends changed places", "moved: append of unique-0", func(s *sample) { s.swap(2, 3) }},
		{"an append is in pieces", "in pieces: event 1 of append of plain-0", func(s *sample) { s.swap(1, 2) }},
		{"an event has other data", "changed: event 0 of append of plain-0", func(s *sample) { s.records[0].Event.Data = []byte("x") }},
		{"an event has other tags", "changed: event 0 of append of plain-0", func(s *sample) { s.records[0].Event.Tags = []string{"z"} }},
		{"a position is missing", "the event after 5 has position 7", func(s *sample) { s.records[6].Position = 7 }},
		{"an event that no client appended", "foreign: no client appended the event other at 7", func(s *sample) {
			s.records = append(s.records, dcb.SequencedEvent{Position: 7, Event: dcb.Event{UUID: "other"}})
		}},
		{"a refused append is stored", "stored: append of refused-0", func(s *sample) { s.store(s.find("refused")) }},
		{"a failed append is stored", "stored: append of failed-0", func(s *sample) { s.store(s.find("failed")) }},
		{"a condition is untrue", "untrue: append of again-0", func(s *sample) {
			a := s.append("again", "b", 1)
			a.Condition = &dcb.AppendCondition{FailIfEventsMatch: onTag("b"), After: 2}
			s.store(a)
		}},
		{"an append without known result has an untrue condition", "untrue: append of again-0", func(s *sample) {
			a := s.append("again", "b", 1)
			a.Condition = &dcb.AppendCondition{FailIfEventsMatch: onTag("b")}
			a.Outcome, a.Unknown = unknown, true
			s.store(a)
		}},
		{"a rejection names an event that does not match", "no cause: append of refused-0", func(s *sample) { s.find("refused").Conflict = 2 }},
		{"a rejection names an event before the condition", "no cause: append of refused-0", func(s *sample) { s.find("refused").Condition.After = 3 }},
		{"a rejection names an event beyond the log", "no cause: append of refused-0", func(s *sample) { s.find("refused").Conflict = 60 }},
		{"a rejection names a later event", "no cause: append of early-0", func(s *sample) {
			a := s.append("early", "a", 1)
			a.Condition, a.Outcome, a.Conflict = &dcb.AppendCondition{FailIfEventsMatch: onTag("a"), After: 4}, rejected, 6
			a.Start, a.End = 1, 2
		}},
		{"a rejection does not name the first event", "cause: append of third-0", func(s *sample) {
			a := s.append("third", "a", 1)
			a.Condition, a.Outcome, a.Conflict = &dcb.AppendCondition{FailIfEventsMatch: onTag("a")}, rejected, 2
		}},
		{"a rejection without a cause", "no cause: append of bare-0", func(s *sample) { s.append("bare", "a", 1).Outcome = rejected }},
		{"the tracking is not the cause of a rejection", "no cause: append of late-0", func(s *sample) { s.find("late").Tracking.Position = 10 }},
		{"the tracking goes back", "source s goes from 9 to 8", func(s *sample) {
			a := s.append("back", "c", 1)
			a.Tracking = &dcb.TrackingInfo{Source: "s", Position: 8}
			s.store(a)
		}},
		{"a position of a source is accepted twice", "tracking: append of twice-0", func(s *sample) {
			a := s.append("twice", "c", 1)
			a.Tracking = &dcb.TrackingInfo{Source: "s", Position: 9}
			s.store(a)
		}},
		{"a tracking-only append is lost", "lost: the tracking {s 9}", func(s *sample) {
			s.records = slices.DeleteFunc(s.records, func(r dcb.SequencedEvent) bool { return r.Position == 0 })
		}},
		{"the tracking of an event is lost", "tracking: event 0 of append of tracked-0", func(s *sample) { s.records[4].Tracking = nil }},
		{"a stale head", "stale: head", func(s *sample) { s.find("head").Head = 4 }},
		{"a head beyond the log", "head: head", func(s *sample) { s.find("head").Head = 7 }},
		{"a stale tracking", "stale: tracking", func(s *sample) { s.find("tracking").Head = 7 }},
		{"a tracking that is not in the log", "tracking: tracking", func(s *sample) { s.find("tracking").Head = 11 }},
		{"a stale read", "stale: read", func(s *sample) {
			r := s.find("read")
			r.Head, r.Positions, r.UUIDs = 2, r.Positions[:2], r.UUIDs[:2]
		}},
		{"a read goes back after another one", "stale: head", func(s *sample) {
			s.call(&call{Kind: "head", Outcome: accepted, Head: 6})
			s.find("end").End = s.now + 10 // not known before
			s.call(&call{Kind: "head", Outcome: accepted, Head: 5})
		}},
		{"a read lacks an event", "read: read", func(s *sample) {
			r := s.find("read")
			r.Positions, r.UUIDs = []uint64{1, 4}, []string{"plain-0", "lucky-0"}
		}},
		{"a read has another event", "read: read", func(s *sample) { s.find("read").UUIDs[1] = "other" }},
		{"an append is before one that was acknowledged", "order: append of end-0", func(s *sample) {
			end, tracked := s.find("end"), s.find("tracked")
			end.Position, tracked.Position = tracked.Position, end.Position
			s.records[4].Event, s.records[6].Event = s.records[6].Event, s.records[4].Event
		}},
		{"a subscription has a gap", "subscription 0: event 1", func(s *sample) {
			sub := s.history.Subscriptions[0]
			sub.Positions, sub.UUIDs = slices.Delete(sub.Positions, 1, 2), slices.Delete(sub.UUIDs, 1, 2)
		}},
		{"a subscription has an event twice", "subscription 0: event 2", func(s *sample) {
			sub := s.history.Subscriptions[0]
			sub.Positions, sub.UUIDs = slices.Insert(sub.Positions, 1, 2), slices.Insert(sub.UUIDs, 1, "plain-1")
		}},
		{"a subscription is out of order", "subscription 0: event 1", func(s *sample) {
			p := s.history.Subscriptions[0].Positions
			p[1], p[2] = p[2], p[1]
		}},
		{"a subscription has another event", "subscription 0: the event at 4", func(s *sample) { s.history.Subscriptions[0].UUIDs[2] = "other" }},
		{"a subscription does not reach the end", "subscription 0: it ended after 6", func(s *sample) { s.history.Subscriptions[0].Complete = false }},
	} {
		t.Run(planted.name, func(t *testing.T) {
			s := newSample()
			planted.plant(s)
			violations := check(s.history, s.records)
			if !slices.ContainsFunc(violations, func(v string) bool { return strings.HasPrefix(v, planted.want) }) {
				t.Errorf("violations %q, want one that starts with %q", violations, planted.want)
			}
		})
	}
}
