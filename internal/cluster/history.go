package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// requestTimeout bounds a request to a shared log.
const requestTimeout = 30 * time.Second

// History is the history in a shared log.
type History struct {
	Origin sharedlog.Origin
	// First is the index of the first group that the log has, one above Last if it has none.
	First uint64
	// Last is the last group, that of the origin if nothing was appended.
	Last sharedlog.Point

	log sharedlog.Log
}

// Read reads where the history of a log starts and ends. The log may be in use. If it was not
// created, the error is that of the log, sharedlog.ErrNoLog.
func Read(ctx context.Context, log sharedlog.Log) (*History, error) {
	h := &History{log: log}
	var err error
	request, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if h.Origin, err = log.Origin(request); err != nil {
		return nil, engineError(err, "reading the origin of the shared log")
	}
	if err = h.refresh(ctx); err != nil {
		return nil, err
	}
	h.First, err = search(h.Origin.Point.Index+1, h.Last.Index+1, func(index uint64) (bool, error) {
		_, err := h.read(ctx, index)
		if errors.Is(err, sharedlog.ErrTrimmed) {
			return false, nil
		}
		return true, engineError(err, "reading the shared log")
	})
	return h, err
}

// refresh reads the end again.
func (h *History) refresh(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	h.Last, err = h.log.Last(ctx)
	return engineError(err, "reading the end of the shared log")
}

// read returns records from an index on.
func (h *History) read(ctx context.Context, index uint64) ([]sharedlog.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return h.log.Read(ctx, index)
}

// search returns the smallest index from low on for which is returns true, or high if there is
// none. If is returns true for an index, it does so for each larger one.
func search(low, high uint64, is func(uint64) (bool, error)) (uint64, error) {
	for low < high {
		middle := low + (high-low)/2
		there, err := is(middle)
		switch {
		case err != nil:
			return 0, err
		case there:
			high = middle
		default:
			low = middle + 1
		}
	}
	return low, nil
}

// groups returns groups of the log in order, the first one at an index, which the log has. Each
// is verified, but not the chain.
func (h *History) groups(ctx context.Context, index uint64) ([]eventlog.Group, error) {
	records, err := h.read(ctx, index)
	if err != nil {
		return nil, engineError(err, "reading the shared log")
	}
	if len(records) == 0 {
		return nil, &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the shared log does not return group %d; try again", index)}
	}
	var groups []eventlog.Group
	for _, r := range records {
		g, err := h.decode(r)
		if err != nil {
			return nil, &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("group %d of the shared log is corrupt", r.Index), Cause: err}
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func (h *History) decode(r sharedlog.Record) (g eventlog.Group, err error) {
	_, group, err := sharedlog.Decode(r.Bytes)
	if err == nil {
		g, err = eventlog.ReceivedGroup(nil, group)
	}
	if err == nil {
		err = g.Verify(eventlog.StoreID(h.Origin.Store))
	}
	if err == nil && g.Index != r.Index {
		err = fmt.Errorf("it is group %d", g.Index)
	}
	return g, err
}

// at returns the identity of a group, which must be known: that of the origin, or one that the
// log has.
func (h *History) at(ctx context.Context, index uint64) (eventlog.GroupID, error) {
	switch index {
	case h.Origin.Point.Index:
		return eventlog.GroupID(h.Origin.Point), nil
	case h.Last.Index:
		return eventlog.GroupID(h.Last), nil
	}
	groups, err := h.groups(ctx, index)
	if err != nil {
		return eventlog.GroupID{}, err
	}
	return groups[0].Tail().ID(), nil
}

// known reports whether the chain at an index is known.
func (h *History) known(index uint64) bool {
	return index == h.Origin.Point.Index || index == h.Last.Index || h.First <= index && index < h.Last.Index
}

// engineError returns an error of the log as one of package dcb.
func engineError(err error, doing string) error {
	switch {
	case err == nil, errors.Is(err, sharedlog.ErrNoLog):
		return err
	case errors.Is(err, sharedlog.ErrTrimmed):
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: doing + ", which was trimmed meanwhile; try again", Cause: err}
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: doing, Cause: err}
}
