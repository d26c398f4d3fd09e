package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// checker compares a history with the records that are in the log at its end. It does not
// use the code under test: it compares queries with events itself.
type checker struct {
	history *history
	log     []dcb.SequencedEvent // events only: that of position p is at p-1
	uuids   map[string]uint64    // position of each event
	tags    map[string][]uint64  // positions of the events with each tag
	tracked map[string][]tracked // of each source
	began   []time.Duration      // when the append of each event started
	owners  []*call              // of each event

	violations []string
}

// tracked is a change of the tracking of a source.
type tracked struct {
	position uint64
	at       uint64 // position of the first event of the append, or 0
}

// check returns all violations.
func check(h *history, records []dcb.SequencedEvent) []string {
	c := &checker{history: h, uuids: map[string]uint64{}, tags: map[string][]uint64{}, tracked: map[string][]tracked{}}
	c.index(records)
	for _, call := range h.Calls {
		if call.isAppend() {
			c.checkAppend(call)
		} else {
			c.checkRead(call)
		}
	}
	c.checkEvents()
	for _, call := range h.Calls {
		c.checkRejection(call)
	}
	c.checkOrder()
	c.checkTracking()
	for i, s := range h.Subscriptions {
		c.checkSubscription(i, s)
	}
	return c.violations
}

func (c *checker) violate(format string, args ...any) {
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// index reads the records, in log order.
func (c *checker) index(records []dcb.SequencedEvent) {
	var last *dcb.TrackingInfo
	for _, r := range records {
		if r.Tracking != nil && (r.Position == 0 || last == nil || *last != *r.Tracking) {
			of := c.tracked[r.Tracking.Source]
			if len(of) > 0 && of[len(of)-1].position >= r.Tracking.Position {
				c.violate("source %s goes from %d to %d at position %d", r.Tracking.Source, of[len(of)-1].position, r.Tracking.Position, r.Position)
			}
			c.tracked[r.Tracking.Source] = append(of, tracked{r.Tracking.Position, r.Position})
		}
		last = r.Tracking
		if r.Position == 0 {
			continue
		}
		c.log = append(c.log, r)
		if r.Position != uint64(len(c.log)) {
			c.violate("the event after %d has position %d", len(c.log)-1, r.Position)
		}
		position := uint64(len(c.log))
		if other := c.uuids[r.Event.UUID]; other != 0 {
			c.violate("event %s is in the log at %d and at %d", r.Event.UUID, other, position)
		} else {
			c.uuids[r.Event.UUID] = position
		}
		for _, tag := range r.Event.Tags {
			c.tags[tag] = append(c.tags[tag], position)
		}
	}
	c.owners = make([]*call, len(c.log))
	c.began = make([]time.Duration, len(c.log))
}

// matches reports whether an event matches a query.
func matches(query dcb.Query, e *dcb.Event) bool {
	for _, item := range query.Items {
		match := len(item.Types) == 0 || slices.Contains(item.Types, e.Type)
		for _, tag := range item.Tags {
			match = match && slices.Contains(e.Tags, tag)
		}
		if match {
			return true
		}
	}
	return len(query.Items) == 0
}

// matching returns the positions of events that match a query, after one position and up to
// another one.
func (c *checker) matching(query dcb.Query, after, last uint64) (positions []uint64) {
	last = min(last, uint64(len(c.log)))
	if len(query.Items) == 1 && len(query.Items[0].Tags) > 0 {
		of := c.tags[query.Items[0].Tags[0]]
		first, _ := slices.BinarySearch(of, after+1)
		for _, p := range of[first:] {
			if p <= last && matches(query, &c.log[p-1].Event) {
				positions = append(positions, p)
			}
		}
		return positions
	}
	for p := after + 1; p <= last; p++ {
		if matches(query, &c.log[p-1].Event) {
			positions = append(positions, p)
		}
	}
	return positions
}

// name describes a call.
func (c *call) name() string {
	first := ""
	if len(c.Events) > 0 {
		first = " of " + c.Events[0].UUID
	}
	return fmt.Sprintf("%s%s by client %d at nodes %v from %v to %v (%s %s)", c.Kind, first, c.Client, c.Nodes, c.Start, c.End, c.Outcome, c.Error)
}

// checkAppend checks that the events of an append are in the log as its result requires, and
// that its condition holds at that place.
func (c *checker) checkAppend(a *call) {
	if len(a.Events) == 0 {
		return
	}
	found := 0
	for i := range a.Events {
		if c.uuids[a.Events[i].UUID] != 0 {
			found++
		}
	}
	switch {
	case found == 0 && a.Outcome == accepted:
		c.violate("lost: %s at %d", a.name(), a.Position)
		return
	case found == 0:
		return
	case found != len(a.Events):
		c.violate("in part: %s has %d of %d events in the log", a.name(), found, len(a.Events))
		return
	case a.Outcome == rejected || a.Outcome == failed && !a.Unknown:
		c.violate("stored: %s, and is in the log at %d", a.name(), c.uuids[a.Events[0].UUID])
	}
	first := c.uuids[a.Events[0].UUID]
	for i := range a.Events {
		p := c.uuids[a.Events[i].UUID]
		if p != first+uint64(i) {
			c.violate("in pieces: event %d of %s is at %d, and the first one at %d", i, a.name(), p, first)
			continue
		}
		if stored := &c.log[p-1].Event; !equal(stored, &a.Events[i]) {
			c.violate("changed: event %d of %s is another one at %d", i, a.name(), p)
		}
		c.owners[p-1], c.began[p-1] = a, a.Start
		if t := c.log[p-1].Tracking; (t == nil) != (a.Tracking == nil) || t != nil && *t != *a.Tracking {
			c.violate("tracking: event %d of %s has tracking %v in the log, not %v", i, a.name(), t, a.Tracking)
		}
	}
	if last := first + uint64(len(a.Events)) - 1; a.Outcome == accepted && last != a.Position {
		c.violate("moved: %s has the result %d, and its last event is at %d", a.name(), a.Position, last)
	}
	if a.Condition != nil {
		if conflicts := c.matching(a.Condition.FailIfEventsMatch, a.Condition.After, first-1); len(conflicts) > 0 {
			c.violate("untrue: %s is at %d, though position %d matches after %d", a.name(), first, conflicts[0], a.Condition.After)
		}
	}
}

func equal(a, b *dcb.Event) bool {
	return a.Type == b.Type && a.UUID == b.UUID && slices.Equal(a.Tags, b.Tags) && string(a.Data) == string(b.Data)
}

// checkEvents checks that each event in the log is one of an append.
func (c *checker) checkEvents() {
	for i, owner := range c.owners {
		if owner == nil {
			c.violate("foreign: no client appended the event %s at %d", c.log[i].Event.UUID, i+1)
		}
	}
}

// checkRejection checks that a rejection has a cause that existed when it was returned.
func (c *checker) checkRejection(a *call) {
	if a.Outcome != rejected {
		return
	}
	if at := a.Conflict; at != 0 {
		switch {
		case a.Condition == nil:
			c.violate("no cause: %s has no condition", a.name())
		case at > uint64(len(c.log)) || at <= a.Condition.After || !matches(a.Condition.FailIfEventsMatch, &c.log[at-1].Event):
			c.violate("no cause: %s names position %d, which does not match after %d", a.name(), at, a.Condition.After)
		case c.began[at-1] > a.End:
			c.violate("no cause: %s names position %d, which was appended later", a.name(), at)
		default:
			if earlier := c.matching(a.Condition.FailIfEventsMatch, a.Condition.After, at-1); len(earlier) > 0 {
				c.violate("cause: %s names position %d, and position %d matches too", a.name(), at, earlier[0])
			}
		}
		return
	}
	if a.Tracking == nil {
		c.violate("no cause: %s names no position", a.name())
		return
	}
	for _, t := range c.tracked[a.Tracking.Source] {
		if t.position >= a.Tracking.Position && (t.at == 0 || c.began[t.at-1] <= a.End) {
			return
		}
	}
	c.violate("no cause: %s, and source %s was below %d", a.name(), a.Tracking.Source, a.Tracking.Position)
}

// checkRead checks that a read has exactly the events that match up to its head.
func (c *checker) checkRead(r *call) {
	if r.Outcome != accepted || r.Source != "" {
		return
	}
	if r.Head > uint64(len(c.log)) {
		c.violate("head: %s has head %d, and the log ends at %d", r.name(), r.Head, len(c.log))
		return
	}
	if r.Kind != "read" {
		return
	}
	want := c.matching(r.Query, 0, r.Head)
	if !slices.Equal(r.Positions, want) {
		c.violate("read: %s up to %d has %d events at %v, not %d at %v", r.name(), r.Head, len(r.Positions), r.Positions, len(want), want)
		return
	}
	for i, p := range r.Positions {
		if c.log[p-1].Event.UUID != r.UUIDs[i] {
			c.violate("read: %s has another event at %d than the log", r.name(), p)
		}
	}
}

// checkOrder checks that each call finds what was acknowledged or read before it started.
func (c *checker) checkOrder() {
	type moment struct {
		at   time.Duration
		call *call
		end  bool
	}
	var moments []moment
	for _, a := range c.history.Calls {
		moments = append(moments, moment{a.Start, a, false}, moment{a.End, a, true})
	}
	// What starts at the moment of an end is concurrent with it.
	slices.SortFunc(moments, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), map[bool]int{false: -1, true: 1}[a.end]-map[bool]int{false: -1, true: 1}[b.end])
	})
	var head uint64
	var of *call // whose end showed that head
	atStart := map[*call]uint64{}
	sources := map[string]uint64{}
	atStartOfSource := map[*call]uint64{}
	for _, m := range moments {
		a := m.call
		if !m.end {
			atStart[a] = head
			if source := a.source(); source != "" {
				atStartOfSource[a] = sources[source]
			}
			continue
		}
		found, tracking := a.shows()
		if a.Outcome == accepted && found != 0 {
			first := found + 1 - uint64(max(len(a.Events), 1))
			if a.isAppend() && first <= atStart[a] {
				c.violate("order: %s is at %d, and %d was known before (%s)", a.name(), first, atStart[a], of.name())
			}
		}
		if a.Outcome == accepted && !a.isAppend() && a.Source == "" && a.Head < atStart[a] {
			c.violate("stale: %s has head %d, and %d was known before (%s)", a.name(), a.Head, atStart[a], of.name())
		}
		if a.Outcome == accepted && a.Source != "" && a.Head < atStartOfSource[a] {
			c.violate("stale: %s has %s at %d, and %d was known before", a.name(), a.Source, a.Head, atStartOfSource[a])
		}
		if a.Outcome == accepted && a.Tracking != nil && a.Tracking.Position <= atStartOfSource[a] {
			c.violate("tracking: %s is accepted for %s at %d, and %d was known before", a.name(), a.Tracking.Source, a.Tracking.Position, atStartOfSource[a])
		}
		if found > head {
			head, of = found, a
		}
		if source := a.source(); source != "" {
			sources[source] = max(sources[source], tracking)
		}
	}
}

// source returns the source of the tracking of a call, or "".
func (c *call) source() string {
	if c.Tracking != nil {
		return c.Tracking.Source
	}
	return c.Source
}

// shows returns the highest position that the result of a call shows to be in the log, and
// that of its source.
func (c *call) shows() (position, tracking uint64) {
	switch {
	case c.Outcome == rejected:
		return c.Conflict, 0
	case c.Outcome != accepted:
		return 0, 0
	case c.Source != "":
		return 0, c.Head
	case !c.isAppend():
		return c.Head, 0
	case c.Tracking != nil:
		return c.Position, c.Tracking.Position
	}
	return c.Position, 0
}

// checkTracking checks that each accepted position of a source is in the log, of one append.
func (c *checker) checkTracking() {
	owner := map[dcb.TrackingInfo]*call{}
	values := map[dcb.TrackingInfo]bool{}
	for source, of := range c.tracked {
		for _, t := range of {
			values[dcb.TrackingInfo{Source: source, Position: t.position}] = true
		}
	}
	for _, a := range c.history.Calls {
		if a.Outcome == accepted && a.Source != "" && a.Head != 0 && !values[dcb.TrackingInfo{Source: a.Source, Position: a.Head}] {
			c.violate("tracking: %s finds %s at %d, which is not in the log", a.name(), a.Source, a.Head)
		}
		if a.Outcome != accepted || a.Tracking == nil {
			continue
		}
		if !values[*a.Tracking] {
			c.violate("lost: the tracking %v of %s", *a.Tracking, a.name())
		}
		if other := owner[*a.Tracking]; other != nil {
			c.violate("tracking: %v was accepted twice: %s; %s", *a.Tracking, a.name(), other.name())
		}
		owner[*a.Tracking] = a
	}
}

// checkSubscription checks that a subscriber received exactly the events that match, in order.
func (c *checker) checkSubscription(number int, s *subscription) {
	last := uint64(0)
	if len(s.Positions) > 0 {
		last = slices.Max(s.Positions)
	}
	want := c.matching(s.Query, 0, last)
	for i := range max(len(want), len(s.Positions)) {
		if i >= len(want) || i >= len(s.Positions) || s.Positions[i] != want[i] {
			c.violate("subscription %d: event %d is %v, want %v", number, i, at(s.Positions, i), at(want, i))
			return
		}
		if c.log[want[i]-1].Event.UUID != s.UUIDs[i] {
			c.violate("subscription %d: the event at %d is another one than that of the log", number, want[i])
			return
		}
	}
	if !s.Complete {
		c.violate("subscription %d: it ended after %d and did not reach the last event", number, last)
	}
}

// at describes an element that may not exist.
func at(positions []uint64, i int) string {
	if i < len(positions) {
		return fmt.Sprintf("position %d", positions[i])
	}
	return "missing"
}
