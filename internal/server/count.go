package server

import (
	"context"

	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// handleCount handles Count. The request is that of a read with some numbers, for which memory is
// reserved with the query.
func (s *Server) handleCount(c *call) error {
	parsed, query, err := receiveParsed(s, c, s.queries, record.CountCost, record.ParseCount)
	if err != nil {
		return err
	}
	defer query.release()
	return s.askIndex(c, access{query: &parsed.Query}, func(ctx context.Context) error {
		counts, err := s.store.Count(ctx, parsed)
		if err != nil {
			return err
		}
		return c.SendMsg(&umadbv1.CountResponse{Counts: counts})
	})
}

// askIndex handles a call that only the index answers, with a function that answers it. The key must
// permit access with the rights of the method. The function is called when the store has what the client
// has seen; its context is done when the server stops. Then the call ends with an error, so that no client
// mistakes a part of an answer for all of it.
func (s *Server) askIndex(c *call, a access, answer func(context.Context) error) error {
	a.anyOf = c.method.rights
	if err := s.mayRead(c, a); err != nil {
		return err
	}
	if err := s.awaitSeen(c); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	err := answer(ctx)
	if err != nil && s.stopping.Err() != nil {
		return errStopping
	}
	return err
}
