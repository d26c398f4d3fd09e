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
	if err := s.mayRead(c, access{anyOf: c.method.rights, query: &parsed.Query}); err != nil {
		return err
	}
	if err := s.awaitSeen(c); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	counts, err := s.store.Count(ctx, parsed)
	switch {
	case err != nil && s.stopping.Err() != nil:
		return errStopping
	case err != nil:
		return err
	}
	return c.SendMsg(&umadbv1.CountResponse{Counts: counts})
}
