package server

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// fullMessage is the minimum size in bytes of a message of a subscription after which the
// next one may be large.
const fullMessage = smallMessage / 2

// handleAppend handles Append.
func (s *Server) handleAppend(c *call) error { return s.append(c, s.options.Forwarder) }

// append handles an append, which it forwards if there is a forwarder. It keeps the bytes of the
// request, or their canonical copy, until the store has written them.
func (s *Server) append(c *call, f Forwarder) error {
	s.appending.Add(1)
	defer s.appending.Add(-1)
	if s.stopping.Err() != nil {
		return errStopping
	}
	request, err := s.receive(c, maxRequest(s.limits))
	if err != nil {
		return err
	}
	defer request.done()
	if err := c.charge(len(request.bytes)); err != nil {
		return err
	}
	query, err := s.reserveQuery(c, s.queries, record.AppendQueryCost(request.bytes))
	if err != nil {
		return err
	}
	defer query.release()
	s.appends.granted()
	parsed, err := record.ParseAppend(request.bytes, s.limits)
	if err != nil {
		if len(request.bytes) > s.limits.RequestBytes {
			s.notices.Warn(refusedSize, c.connection.RemoteAddr())
		}
		return err
	}
	k, err := s.currentKey(c)
	if err != nil {
		return err
	}
	if err := k.permitsAppend(parsed); err != nil {
		return err
	}
	parsed.IsVisible = k.isVisible()
	c.appends(parsed)
	position, err := s.decide(c, f, parsed, request)
	if err != nil {
		s.recordRejection(c, parsed, err)
		return err
	}
	return c.SendMsg(&umadbv1.AppendResponse{Position: position})
}

// commit passes an append to the store. An append that the store's writer has not claimed
// when Shutdown stops waiting fails with errStopping and has no effect.
func (s *Server) commit(ctx context.Context, request *record.AppendRequest) (uint64, error) {
	position, err := s.store.Commit(ctx, request, s.giveUp.Done())
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return 0, errStopping
	}
	return position, err
}

// handleRead handles Read.
func (s *Server) handleRead(c *call) error {
	parsed, query, err := receiveQuery(s, c, s.queries, record.ParseRead)
	if err != nil {
		return err
	}
	defer func() { query.release() }()
	right := RightRead
	if parsed.Subscribe {
		right = RightSubscribe
	}
	if err := s.mayRead(c, access{anyOf: right, query: &parsed.Query}); err != nil {
		return err
	}
	if parsed.Subscribe {
		if query, err = query.moveTo(c.Context(), s.subscriptions); err != nil {
			return err
		}
	} else if err := s.awaitSeen(c); err != nil {
		return err
	}
	parsed.RecordedAt, parsed.Progress = c.recordedAt, c.reports
	cursor, err := s.store.OpenRead(c.Context(), parsed)
	if err != nil {
		return err
	}
	defer cursor.Close()
	progress := c.trackProgress(parsed.Query, parsed.Subscribe, cursor)
	if parsed.Subscribe {
		return s.follow(c, cursor, progress)
	}
	return s.sendAll(c, cursor, progress)
}

// sendAll sends the messages of a read. A shutdown ends an incomplete read with an error,
// so that no client mistakes a part of the events for all of them.
func (s *Server) sendAll(c *call, cursor record.Cursor, p *progress) error {
	out := s.newSendWindow(c, p)
	for {
		if s.stopping.Err() != nil {
			return errStopping
		}
		m, err := out.next(c.Context(), cursor, false)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		last := errors.Is(cursor.Wait(c.Context()), io.EOF) // a read never waits
		if err := out.send(m, last); err != nil || last {
			return err
		}
	}
}

// handleSubscribe handles Subscribe.
func (s *Server) handleSubscribe(c *call) error {
	parsed, query, err := receiveQuery(s, c, s.subscriptions, record.ParseSubscribe)
	if err != nil {
		return err
	}
	defer query.release()
	if err := s.mayRead(c, access{anyOf: RightSubscribe, query: &parsed.Query}); err != nil {
		return err
	}
	parsed.RecordedAt, parsed.Progress = c.recordedAt, c.reports
	cursor, err := s.store.OpenSubscription(parsed)
	if err != nil {
		return err
	}
	defer cursor.Close()
	return s.follow(c, cursor, c.trackProgress(parsed.Query, true, cursor))
}

// follow sends the messages of a subscription until the client ends the call, the
// store is closed or the server shuts down. In the last two cases the stream ends
// without an error, since the client has missed no event.
func (s *Server) follow(c *call, cursor record.Cursor, p *progress) error {
	// Some clients wait for the headers before they return a stream to their caller.
	if err := c.SendHeader(nil); err != nil {
		return err
	}
	out := s.newSendWindow(c, p)
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()

	small := true
	for {
		m, err := out.next(ctx, cursor, small)
		switch {
		case err == nil && len(*m.slab) == 0:
			p.checked.Store(m.reached.Checked)
			m.drop()
			continue
		case err == nil:
			small = len(*m.slab) < fullMessage
			err = out.send(m, false)
		}
		switch {
		case errors.Is(err, io.EOF), s.stopping.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}

// handleHead handles Head.
func (s *Server) handleHead(c *call) error {
	if err := s.receiveSmall(c, new(umadbv1.HeadRequest)); err != nil {
		return err
	}
	if err := s.awaitSeen(c); err != nil {
		return err
	}
	position, err := s.store.Head(c.Context())
	if err != nil {
		return err
	}
	response := new(umadbv1.HeadResponse)
	if position != 0 {
		response.Position = &position
	}
	return c.SendMsg(response)
}

// handlePositionAt handles PositionAt.
func (s *Server) handlePositionAt(c *call) error {
	request := new(umadbv1.PositionAtRequest)
	if err := s.receiveSmall(c, request); err != nil {
		return err
	}
	if err := c.key.permitsTimes(); err != nil {
		return err
	}
	if err := s.awaitSeen(c); err != nil {
		return err
	}
	position, err := s.store.PositionAt(c.Context(), time.Unix(0, request.GetRecordedAt()))
	if err != nil {
		return err
	}
	response := new(umadbv1.PositionAtResponse)
	if position != 0 {
		response.Position = &position
	}
	return c.SendMsg(response)
}

// handleTrackingInfo handles GetTrackingInfo.
func (s *Server) handleTrackingInfo(c *call) error {
	request := new(umadbv1.TrackingRequest)
	if err := s.receiveSmall(c, request); err != nil {
		return err
	}
	if err := record.CheckSource(request.GetSource()); err != nil {
		return err
	}
	if err := s.awaitSeen(c); err != nil {
		return err
	}
	position, found, err := s.store.GetTrackingInfo(c.Context(), request.GetSource())
	if err != nil {
		return err
	}
	response := new(umadbv1.TrackingResponse)
	if found {
		response.Position = &position
	}
	return c.SendMsg(response)
}

// receiveSmall receives and decodes a request of at most maxSmallRequest bytes.
func (s *Server) receiveSmall(c *call, message proto.Message) error {
	request, err := s.receive(c, maxSmallRequest)
	if err != nil {
		return err
	}
	defer request.done()
	if err := proto.Unmarshal(request.bytes, message); err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "cannot decode the request", Cause: err}
	}
	return nil
}

// receiveQuery receives and parses the request of a read or subscription, and drops its
// bytes. It reserves memory for the parsed query, which the caller must release.
func receiveQuery[R any](s *Server, c *call, queries *budget, parse func([]byte, *dcb.Limits) (R, error)) (parsed R, query reservation, err error) {
	return receiveParsed(s, c, queries, record.ReadQueryCost, parse)
}

// receiveParsed is receiveQuery for a request that has another cost once it is parsed.
func receiveParsed[R any](s *Server, c *call, queries *budget, cost func([]byte) int64, parse func([]byte, *dcb.Limits) (R, error)) (parsed R, query reservation, err error) {
	request, err := s.receive(c, maxRequest(s.limits))
	if err != nil {
		return parsed, query, err
	}
	defer request.done()
	query, err = s.reserveQuery(c, queries, cost(request.bytes))
	if err != nil {
		return parsed, query, err
	}
	if parsed, err = parse(request.bytes, s.limits); err != nil {
		query.release()
	}
	return parsed, query, err
}

// reserveQuery reserves memory for a parsed query, unless it is so small that the memory
// of its call includes it.
func (s *Server) reserveQuery(c *call, queries *budget, bytes int64) (reservation, error) {
	if bytes <= freeQuery {
		return reservation{}, nil
	}
	return queries.reserve(c.Context(), c.connection, queries.poolOf(bytes), bytes)
}
