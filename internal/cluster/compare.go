package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// Copy is a copy of the log of a store, such as that of a server.
type Copy interface {
	// Groups iterates over the groups after the one with an index and a chain. If the copy does
	// not contain that group, the error is dcb.ErrIntegrity. An error is the last value. The
	// bytes of a group are valid until the next one. follow is false.
	Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error]
}

// Comparison is the result of a comparison of a copy with the history of a shared log.
type Comparison struct {
	// Equal is the index of the last group up to which both are known to be equal.
	Equal uint64
	// Ahead is set if the copy has the whole history, and groups after it, which the shared log
	// has lost.
	Ahead bool
	// Difference is the first difference of the histories, or nil if there is none.
	Difference *Difference
}

// Difference is where two histories differ.
type Difference struct {
	// From is the index of the first group that is known to differ. If Exact is not set, groups
	// before it may differ too: the shared log no longer has them.
	From  uint64 `json:"from"`
	Exact bool   `json:"exact"`
	// Log and Copy are this group in both, nil if it is not known.
	Log  *Entry `json:"log,omitempty"`
	Copy *Entry `json:"copy,omitempty"`
}

// Entry is a group that people can recognize.
type Entry struct {
	Index    uint64    `json:"group"`
	Position uint64    `json:"position"` // of its first event
	Events   uint32    `json:"events"`
	Time     time.Time `json:"time"`
}

func entryOf(g *eventlog.Group) *Entry {
	return &Entry{Index: g.Index, Position: g.First, Events: g.Count, Time: time.Unix(0, g.Time).UTC()}
}

// ErrTooOld is returned by Compare if the shared log no longer has the groups with which the copy
// ends.
var ErrTooOld = errors.New("the shared log no longer has the last group of the copy")

// Compare compares a copy up to a group that it has, whose index is applied. Both may grow
// meanwhile.
func (h *History) Compare(ctx context.Context, c Copy, applied uint64) (result Comparison, err error) {
	end := min(applied, h.Last.Index)
	if !h.known(end) {
		return result, fmt.Errorf("%w: the copy has group %d, and the shared log starts with group %d", ErrTooOld, applied, h.First)
	}
	next, contains, err := h.probe(ctx, c, end)
	switch {
	case err != nil:
		return result, err
	case !contains:
		return h.findDifference(ctx, c, end)
	case next == nil || next.Index <= h.Last.Index:
		return Comparison{Equal: end}, nil
	}
	// The history may have grown since its end was read.
	if err := h.refresh(ctx); err != nil {
		return result, err
	}
	return Comparison{Equal: end, Ahead: next.Index > h.Last.Index}, nil
}

// probe reports whether a copy contains a known group of the history, and returns its next
// group, or nil if there is none.
func (h *History) probe(ctx context.Context, c Copy, index uint64) (next *eventlog.Group, contains bool, err error) {
	id, err := h.at(ctx, index)
	if err != nil {
		return nil, false, err
	}
	for g, err := range c.Groups(ctx, id, false) {
		switch {
		case errors.Is(err, dcb.ErrIntegrity):
			return nil, false, nil
		case err != nil:
			return nil, false, err
		}
		g.Header, g.Payload, g.SegmentHeader = nil, nil, nil // they are valid for a moment only
		return &g, true, nil
	}
	return nil, true, nil
}

// findDifference finds the first group of a copy that differs from the history. One up to an
// index does.
func (h *History) findDifference(ctx context.Context, c Copy, end uint64) (result Comparison, err error) {
	start := h.Origin.Point.Index
	next, contained, err := h.probe(ctx, c, start) // next is after the last common group
	if err != nil || !contained {
		return Comparison{Difference: &Difference{From: start}}, err
	}
	low := min(max(h.First, start+1), end)
	from, err := search(low, end, func(index uint64) (bool, error) {
		after, contained, err := h.probe(ctx, c, index)
		if contained {
			next = after
		}
		return !contained, err
	})
	switch {
	case err != nil:
		return result, err
	case from == low && low > start+1:
		return Comparison{Equal: start, Difference: &Difference{From: from}}, nil
	case next == nil: // the server was started again, and has fewer groups now
		return Comparison{Equal: from - 1}, nil
	}
	d := &Difference{From: from, Exact: true, Copy: entryOf(next)}
	if from >= h.First {
		groups, err := h.groups(ctx, from)
		if err != nil {
			return result, err
		}
		d.Log = entryOf(&groups[0])
	}
	return Comparison{Equal: from - 1, Difference: d}, nil
}
