package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Naive is the reference event store. It keeps its events in a slice in memory
// and scans all of them under a mutex in every call, so that it is simple enough
// to be obviously correct.
type Naive struct {
	*history
	closed func() // cancels done
	done   context.Context
}

// history is the state of a Naive. It survives closing.
type history struct {
	mu       sync.Mutex
	events   []dcb.SequencedEvent // the event at index i has position i+1
	tracking map[string]uint64    // the last position of each source
	grown    chan struct{}        // closed and replaced by each append of events
}

// NewNaive returns an empty store.
func NewNaive() *Naive {
	return newNaive(&history{tracking: map[string]uint64{}, grown: make(chan struct{})})
}

// Reopen closes the store and returns another with the same history.
func (n *Naive) Reopen() *Naive {
	n.closed()
	return newNaive(n.history)
}

func newNaive(h *history) *Naive {
	n := &Naive{history: h}
	n.done, n.closed = context.WithCancel(context.Background())
	return n
}

// usable returns an error if the store is closed or ctx is done.
func (n *Naive) usable(ctx context.Context) error {
	if n.done.Err() != nil {
		return dcb.ErrClosed
	}
	return ctx.Err()
}

// Append is EventStore.Append.
func (n *Naive) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	if err := n.usable(ctx); err != nil {
		return 0, err
	}
	if _, err := record.NewAppend(events, condition, tracking, defaultLimits()); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if condition != nil {
		if m := n.firstMatch(*condition); m > 0 {
			if last := n.retried(events, m, condition.After); last > 0 {
				return last, nil
			}
			return 0, conflict(m, condition.FailIfEventsMatch)
		}
	}
	if tracking != nil {
		if last, known := n.tracking[tracking.Source]; known && tracking.Position <= last {
			return 0, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("source %.60q is at %d already", tracking.Source, last)}
		}
		n.tracking[tracking.Source] = tracking.Position
	}
	return n.write(events, tracking), nil
}

// firstMatch returns the position of the first event that makes a condition fail,
// or 0.
func (h *history) firstMatch(condition dcb.AppendCondition) uint64 {
	for _, e := range h.events {
		if e.Position > condition.After && condition.FailIfEventsMatch.Matches(e.Event.Type, e.Event.Tags) {
			return e.Position
		}
	}
	return 0
}

// retried returns the position of the last of the events if they are stored
// already, as one contiguous run above after that contains position m, and 0
// otherwise.
func (h *history) retried(events []dcb.Event, m, after uint64) uint64 {
	var ids []string
	for _, e := range events {
		if e.UUID == "" || slices.Contains(ids, plainUUID(e.UUID)) {
			return 0
		}
		ids = append(ids, plainUUID(e.UUID))
	}
	i := slices.Index(ids, h.events[m-1].Event.UUID)
	first := int(m) - i
	if i < 0 || first <= int(after) || first-1+len(ids) > len(h.events) {
		return 0
	}
	for k, id := range ids {
		if h.events[first-1+k].Event.UUID != id {
			return 0
		}
	}
	return uint64(first - 1 + len(ids))
}

func (h *history) write(events []dcb.Event, tracking *dcb.TrackingInfo) uint64 {
	recorded := h.now()
	for _, e := range events {
		h.events = append(h.events, dcb.SequencedEvent{Position: uint64(len(h.events) + 1), Event: e, Tracking: tracking, RecordedAt: recorded})
		last := &h.events[len(h.events)-1]
		*last = clone(*last)
		last.Event.UUID = plainUUID(e.UUID)
	}
	if len(events) == 0 {
		return 0
	}
	close(h.grown)
	h.grown = make(chan struct{})
	return uint64(len(h.events))
}

// now returns the time of an append, which is not before that of the last one.
func (h *history) now() time.Time {
	now := time.Now().Round(0).UTC()
	if n := len(h.events); n > 0 && h.events[n-1].RecordedAt.After(now) {
		return h.events[n-1].RecordedAt
	}
	return now
}

// PositionAt is EventStore.PositionAt.
func (n *Naive) PositionAt(ctx context.Context, t time.Time) (uint64, error) {
	if err := n.usable(ctx); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	last := uint64(0)
	for _, e := range n.events {
		if !e.RecordedAt.After(t) {
			last = e.Position
		}
	}
	return last, nil
}

// Head is EventStore.Head.
func (n *Naive) Head(ctx context.Context) (uint64, error) {
	if err := n.usable(ctx); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return uint64(len(n.events)), nil
}

// GetTrackingInfo is EventStore.GetTrackingInfo.
func (n *Naive) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	err := n.usable(ctx)
	if err == nil {
		err = record.CheckSource(source)
	}
	if err != nil {
		return 0, false, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	position, known := n.tracking[source]
	return position, known, nil
}

// Close is EventStore.Close.
func (n *Naive) Close() error {
	n.closed()
	return nil
}

// conflict returns the error of a condition that fails because of the event at m.
func conflict(m uint64, query dcb.Query) error {
	detail := fmt.Sprintf("event %d matches the query %.80q", m, fmt.Sprint(query.Items))
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: detail, ConflictPosition: m}
}

// plainUUID converts a UUID of any form to lower case with hyphens.
func plainUUID(id string) string {
	if id == "" {
		return ""
	}
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789abcdef", r) {
			return r
		}
		return -1
	}, strings.TrimPrefix(strings.ToLower(id), "urn:uuid:"))
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
}

// clone returns a copy that shares no memory with the event.
func clone(e dcb.SequencedEvent) dcb.SequencedEvent {
	e.Event.Tags = slices.Clone(e.Event.Tags)
	e.Event.Data = slices.Clone(e.Event.Data)
	e.Event.Metadata = slices.Clone(e.Event.Metadata)
	if e.Tracking != nil {
		e.Tracking = new(*e.Tracking)
	}
	return e
}
