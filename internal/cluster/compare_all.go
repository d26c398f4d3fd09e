package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// CompareAll compares the bytes of all groups that a copy and the shared log have. So it also
// finds records of the log that were changed. progress is called with the index of a group.
func (h *History) CompareAll(ctx context.Context, c Copy, progress func(index uint64)) (result Comparison, err error) {
	log := cursor{history: h}
	result.Equal = h.Origin.Point.Index
	seen := result.Equal // last group of the copy
	for g, err := range c.Groups(ctx, eventlog.GroupID(h.Origin.Point), false) {
		if errors.Is(err, dcb.ErrIntegrity) {
			return Comparison{Difference: &Difference{From: h.Origin.Point.Index}}, nil
		}
		if err != nil {
			return result, err
		}
		progress(g.Index)
		seen = g.Index
		if last := eventlog.GroupID(h.Last); g.Index < h.First {
			if g.Index == last.Index && g.Tail().ID() != last {
				result.Difference = &Difference{From: g.Index, Exact: result.Equal == g.Index-1, Copy: entryOf(&g)}
				return result, nil
			}
			if g.Index == last.Index {
				result.Equal = g.Index
			}
			continue
		}
		if g.Index > h.Last.Index {
			if err := h.refresh(ctx); err != nil {
				return result, err
			}
			if g.Index > h.Last.Index {
				result.Ahead = true
				return result, nil
			}
		}
		there, err := log.next(ctx, g.Index)
		if err != nil {
			return result, err
		}
		if !bytes.Equal(there.Header, g.Header) || !bytes.Equal(there.Payload, g.Payload) {
			exact := g.Index > h.First || h.First == h.Origin.Point.Index+1
			result.Difference = &Difference{From: g.Index, Exact: exact, Log: entryOf(there), Copy: entryOf(&g)}
			return result, nil
		}
		result.Equal = g.Index
	}
	if result.Equal < seen {
		return result, fmt.Errorf("%w: the copy ends with group %d, and the shared log starts with group %d", ErrTooOld, seen, h.First)
	}
	return result, nil
}

// cursor reads the groups of a history in order.
type cursor struct {
	history *History
	groups  []eventlog.Group
}

// next returns the group with an index, which is the first one or follows that of the last call.
func (c *cursor) next(ctx context.Context, index uint64) (*eventlog.Group, error) {
	if len(c.groups) == 0 {
		var err error
		if c.groups, err = c.history.groups(ctx, index); err != nil {
			return nil, err
		}
	}
	g := &c.groups[0]
	c.groups = c.groups[1:]
	return g, nil
}
