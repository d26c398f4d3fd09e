package server

import (
	"context"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// The functions begin… serve calls whose request is small and that need not wait, in the
// goroutine that reads the connection. They report false if a call may have to wait, or is
// not valid: its handler then serves it, and returns the error.

// beginHead begins Head.
func (s *Server) beginHead(c *call, request []byte) bool {
	waits := s.options.SharedLog != "" // which a fresh read asks
	if _, err := s.currentKey(c); err != nil || len(request) > 0 || waits || c.seen.lacking() {
		return false
	}
	position, err := s.store.Head(context.Background())
	if err != nil {
		return false
	}
	c.Reply(positionMessage(position))
	return true
}

// positionMessage encodes a response with a position in field 1, or an empty one for 0.
func positionMessage(position uint64) []byte {
	if position == 0 {
		return nil
	}
	message := protowire.AppendTag(make([]byte, 0, 1+protowire.SizeVarint(position)), 1, protowire.VarintType)
	return protowire.AppendVarint(message, position)
}

// inlineAppend is an append that is being committed.
type inlineAppend struct {
	server *Server
	call   *call
	slab   *[]byte // its request
	parsed *record.AppendRequest
}

// beginAppend begins Append. The store's committer answers it.
func (s *Server) beginAppend(c *call, request []byte) bool {
	k, err := s.currentKey(c)
	if err != nil || record.AppendQueryCost(request) > freeQuery || c.charge(len(request)) != nil {
		return false
	}
	s.appending.Add(1)
	a := &inlineAppend{server: s, call: c, slab: wire.Slabs.Get(len(request))}
	ok := false
	defer func() { // even after a panic
		if !ok {
			a.drop()
		}
	}()
	copy(*a.slab, request)
	parsed, err := record.ParseAppend(*a.slab, s.limits)
	if err != nil || k.permitsAppend(parsed) != nil {
		return false
	}
	parsed.IsVisible = k.isVisible()
	a.parsed = parsed
	c.appends(parsed)
	var cancel func()
	if cancel, ok = s.store.Submit(parsed, c.Deadline(), a.done); !ok {
		return false
	}
	s.appends.granted()
	c.OnCancel(cancel)
	if s.giveUp.Err() != nil { // Shutdown has cancelled the others
		cancel()
	}
	return true
}

// drop is called when the store does not use the request any longer and the append was
// answered, if it has to be.
func (a *inlineAppend) drop() {
	wire.Slabs.Put(a.slab)
	a.server.appending.Add(-1)
}

// done answers the append.
func (a *inlineAppend) done(position uint64, err error) {
	defer a.drop()
	switch {
	case err == nil:
		a.call.Reply(positionMessage(position))
	case errors.Is(err, context.Canceled) && a.server.giveUp.Err() != nil:
		a.call.Fail(stopping, nil)
	case errors.Is(err, context.Canceled): // by the client
		a.call.Fail(cancelled, nil)
	default:
		a.server.noteRefusal(a.call, err)
		a.server.recordRejection(a.call, a.parsed, err)
		st, trailer := wire.ToStatus(err, a.call.Header().Get("user-agent"))
		a.call.Fail(st, trailer)
	}
}
