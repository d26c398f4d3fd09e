package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
)

// Reopener returns an empty store, and a function that closes the store and opens
// it again with the same history. It must register a t.Cleanup that closes the
// last store.
type Reopener func(t T) (store dcb.EventStore, reopen func() dcb.EventStore)

// Model runs random sequences of calls against a store and against Naive, and
// compares every result. A failing sequence is shrunk. The flags -rapid.checks
// (default 100) and -rapid.steps (default 30) set the number of sequences and the
// approximate number of calls of each.
func Model(t *testing.T, open Reopener) { checkModel(t, open) }

func checkModel(t rapid.TB, open Reopener) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		m := &comparison{naive: NewNaive()}
		m.store, m.reopen = open(rapidT{t})
		t.Repeat(map[string]func(*rapid.T){
			"append":               m.appendEvents,
			"append on condition":  m.appendOnCondition,
			"append after reading": m.appendAfterReading,
			"append again":         m.appendAgain,
			"read":                 m.read,
			"count":                m.count,
			"subscribe":            m.subscribe,
			"tracking":             m.tracking,
			"reopen":               m.reopenStore,
			"":                     m.head,
		})
		m.reopenStore(t)
		m.readAll(t)
	})
}

// rapidT adds temporary directories to a *rapid.T, to make it a T.
type rapidT struct{ *rapid.T }

func (t rapidT) TempDir() string {
	dir, err := os.MkdirTemp("", "storetest")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// comparison is a store and the naive one that it must agree with.
type comparison struct {
	naive    *Naive
	store    dcb.EventStore
	reopen   func() dcb.EventStore
	earlier  []request // all appends so far
	accepted []request // those with a condition that held
}

// request contains the arguments of an append.
type request struct {
	events    []dcb.Event
	condition *dcb.AppendCondition
	tracking  *dcb.TrackingInfo
}

func (m *comparison) appendEvents(t *rapid.T) {
	m.append(t, request{events: someEvents.Draw(t, "events"), tracking: drawTracking(t)})
}

func (m *comparison) appendOnCondition(t *rapid.T) {
	m.append(t, request{
		events:    someEvents.Draw(t, "events"),
		condition: drawCondition(t, m.last()),
		tracking:  drawTracking(t),
	})
}

func (m *comparison) appendAfterReading(t *rapid.T) {
	events := someEvents.Draw(t, "events")
	m.append(t, request{events, drawBoundary(t, m.last(), events), drawTracking(t)})
}

// appendAgain repeats an earlier append, possibly with a change.
func (m *comparison) appendAgain(t *rapid.T) {
	if len(m.earlier) == 0 {
		t.Skip("nothing was appended")
	}
	from := m.earlier
	if len(m.accepted) > 0 && rapid.IntRange(0, 3).Draw(t, "accepted?") > 0 {
		from = m.accepted
	}
	again := rapid.SampledFrom(from).Draw(t, "again")
	events := slices.Clone(again.events)
	switch n := len(events); rapid.IntRange(0, 10).Draw(t, "change") {
	case 0:
		events = events[:rapid.IntRange(0, n).Draw(t, "end")]
	case 1:
		events = events[rapid.IntRange(0, n).Draw(t, "beginning"):]
	case 2:
		slices.Reverse(events)
	case 3:
		events = append(events, drawEvent(t))
	case 4:
		again.condition = drawCondition(t, m.last())
	case 5, 6:
		again.tracking = drawTracking(t)
	}
	again.events = events
	m.append(t, again)
}

func (m *comparison) append(t *rapid.T, r request) {
	m.earlier = append(m.earlier, r)
	got, err := m.store.Append(t.Context(), r.events, r.condition, r.tracking)
	want, wantErr := m.naive.Append(t.Context(), r.events, r.condition, r.tracking)
	if r.condition != nil && want > 0 {
		m.accepted = append(m.accepted, r)
	}
	if got != want || !sameFailure(err, wantErr) {
		t.Fatalf("append of %d events, condition %+v, tracking %+v, returned %d, %v; want %d, %v",
			len(r.events), r.condition, r.tracking, got, err, want, wantErr)
	}
}

func (m *comparison) read(t *rapid.T) {
	m.compareRead(t, drawQuery(t), drawOptions(t, m.last()))
}

func (m *comparison) readAll(t *rapid.T) {
	m.compareRead(t, dcb.Query{}, dcb.ReadOptions{})
	m.compareRead(t, dcb.Query{}, dcb.ReadOptions{Backwards: true})
}

func (m *comparison) compareRead(t *rapid.T, query dcb.Query, options dcb.ReadOptions) {
	got, head, err := m.store.Read(t.Context(), query, options).Collect()
	want, wantHead, _ := m.naive.Read(t.Context(), query, options).Collect()
	if err != nil || head != wantHead || !slices.EqualFunc(got, want, sameSequenced) {
		t.Fatalf("reading %v %s returned %s head %d, error %v; want %s head %d",
			query, describe(options), listed(got), head, err, listed(want), wantHead)
	}
}

// subscribe compares the stored events that a subscription delivers.
func (m *comparison) subscribe(t *rapid.T) {
	query, after := drawQuery(t), drawPosition(t, m.last())
	want, _, _ := m.naive.above(after, query)
	if len(want) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []dcb.SequencedEvent
	for event, err := range m.store.Subscribe(ctx, query, after) {
		if err != nil {
			t.Fatalf("subscribing to %v after %d: %v", query, after, err)
		}
		if got = append(got, event); len(got) == len(want) {
			break
		}
	}
	if !slices.EqualFunc(got, want, sameSequenced) {
		t.Fatalf("subscribing to %v after %d delivered %s; want %s", query, after, listed(got), listed(want))
	}
}

func (m *comparison) tracking(t *rapid.T) {
	source := someSources.Draw(t, "source")
	got, known, err := m.store.GetTrackingInfo(t.Context(), source)
	want, wantKnown, _ := m.naive.GetTrackingInfo(t.Context(), source)
	if err != nil || got != want || known != wantKnown {
		t.Fatalf("source %q is at %d (%v), error %v; want %d (%v)", source, got, known, err, want, wantKnown)
	}
}

func (m *comparison) head(t *rapid.T) {
	got, err := m.store.Head(t.Context())
	if want := m.last(); err != nil || got != want {
		t.Fatalf("head is %d, error %v; want %d", got, err, want)
	}
}

func (m *comparison) reopenStore(*rapid.T) {
	m.store = m.reopen()
}

func (m *comparison) last() uint64 { return uint64(len(m.naive.events)) }

// sameFailure reports whether two errors have the same kind and conflict position.
func sameFailure(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, xOK := errors.AsType[*dcb.Error](a)
	y, yOK := errors.AsType[*dcb.Error](b)
	return xOK && yOK && x.Kind == y.Kind && x.ConflictPosition == y.ConflictPosition
}

// listed formats events with their positions.
func listed(events []dcb.SequencedEvent) string {
	var text strings.Builder
	for _, e := range events {
		fmt.Fprintf(&text, " %d: %s", e.Position, brief(e.Event))
		if e.Tracking != nil {
			fmt.Fprintf(&text, " with %+v", *e.Tracking)
		}
	}
	return "[" + text.String() + " ]"
}
