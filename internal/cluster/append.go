package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Attempts to append a group, with a pause before each that doubles.
const (
	maxAttempts = 6
	firstPause  = 50 * time.Millisecond
)

// Lost is what a shared log has lost and a copy has.
type Lost struct {
	Groups uint64 `json:"groups"`
	Events uint64 `json:"events"`
	First  *Entry `json:"first"` // nil if nothing is lost
	Last   *Entry `json:"last"`
}

// Lost counts the groups of a copy after the end of the history, which the copy must contain.
func (h *History) Lost(ctx context.Context, c Copy) (lost Lost, err error) {
	for g, err := range c.Groups(ctx, eventlog.GroupID(h.Last), false) {
		if err != nil {
			return lost, err
		}
		lost.Groups++
		lost.Events += uint64(g.Count)
		lost.Last = entryOf(&g)
		if lost.First == nil {
			lost.First = lost.Last
		}
	}
	return lost, nil
}

// Append appends the groups of a copy after the end of the history to the shared log, byte for
// byte. Each one is appended after the group before it only, so that groups which a server
// appends meanwhile are never overwritten: then it fails with dcb.ErrCorruption, because the
// histories differ from there on. It can be repeated. progress is called with the index of the
// last group that was appended.
func (h *History) Append(ctx context.Context, c Copy, progress func(index uint64)) (appended uint64, err error) {
	envelope := sharedlog.Envelope{}
	if _, err := rand.Read(envelope.Writer[:]); err != nil {
		return 0, err
	}
	for g, err := range c.Groups(ctx, eventlog.GroupID(h.Last), false) {
		if err == nil {
			err = h.append(ctx, envelope, &g)
		}
		if err != nil {
			return appended, err
		}
		h.Last = sharedlog.Point(g.Tail().ID())
		appended++
		progress(g.Index)
	}
	return appended, nil
}

// append appends a group until the shared log has it, or another one in its place.
func (h *History) append(ctx context.Context, envelope sharedlog.Envelope, g *eventlog.Group) error {
	if err := g.Verify(eventlog.StoreID(h.Origin.Store)); err != nil {
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("group %d of the copy is corrupt", g.Index), Cause: err}
	}
	envelope.StartsSegment = g.SegmentHeader != nil
	group := append(bytes.Clone(g.Header), g.Payload...)
	record, err := sharedlog.Encode(envelope, group)
	if err != nil {
		return err
	}
	doing := fmt.Sprintf("appending group %d", g.Index)
	for attempt := range maxAttempts {
		if attempt > 0 && retry.Wait(ctx, firstPause<<attempt) != nil {
			break
		}
		if err = h.propose(ctx, g.Chain, record); err == nil || errors.Is(err, sharedlog.ErrTooLarge) {
			return engineError(err, doing)
		}
		// Whatever it returns, the record that is there decides.
		there, readErr := h.read(ctx, g.Index)
		switch sharedlog.FateOf(record, there, readErr) {
		case sharedlog.Undecided:
			continue
		case sharedlog.Decided:
			return nil
		case sharedlog.Forgotten:
			return engineError(readErr, doing)
		}
		// The same group may have another envelope: two processes repair the log.
		if _, found, err := sharedlog.Decode(there[0].Bytes); err == nil && bytes.Equal(found, group) {
			return nil
		}
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("a server has appended another group %d to the shared log meanwhile", g.Index)}
	}
	return engineError(err, doing+" may have failed; run the same command again")
}

// propose appends a record after the end of the history.
func (h *History) propose(ctx context.Context, chain uint64, record []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return h.log.Append(ctx, h.Last, chain, record)
}
