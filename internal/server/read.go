package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// read answers Read.
func (s *Server) read(stream grpc.ServerStream) error {
	parsed, query, err := receiveQuery(s, stream, s.queries, encoding.ParseRead)
	if err != nil {
		return err
	}
	defer func() { query.release() }()
	if parsed.Subscribe {
		if query, err = query.moveTo(stream.Context(), s.subscriptions); err != nil {
			return err
		}
	}
	cursor, err := s.store.OpenRead(parsed)
	if err != nil {
		return err
	}
	if parsed.Subscribe {
		return s.follow(stream, cursor)
	}
	return s.sendAll(stream, cursor)
}

// receiveQuery receives and parses the request of a read or subscription, and drops its
// bytes. It reserves the memory of the parsed query, which the caller must release.
func receiveQuery[R any](s *Server, stream grpc.ServerStream, queries *budget, parse func([]byte, *dcb.Limits) (R, error)) (parsed R, query reservation, err error) {
	request, err := s.receive(stream, maxRequest(s.limits))
	if err != nil {
		return parsed, query, err
	}
	defer request.done()
	query, err = s.reserveQuery(stream.Context(), queries, encoding.ReadQueryCost(request.bytes))
	if err != nil {
		return parsed, query, err
	}
	if parsed, err = parse(request.bytes, s.limits); err != nil {
		query.release()
	}
	return parsed, query, err
}

// reserveQuery reserves the memory of a parsed query. That of a small one is part of the
// memory of its call.
func (s *Server) reserveQuery(ctx context.Context, queries *budget, bytes int64) (reservation, error) {
	if bytes <= freeQuery {
		return reservation{}, nil
	}
	return queries.reserve(ctx, connectionOf(ctx), queries.poolOf(bytes), bytes)
}

// sendAll sends the messages of a read. A shutdown ends it before its end with an error,
// so a client never takes a part for the whole.
func (s *Server) sendAll(stream grpc.ServerStream, cursor encoding.Cursor) error {
	out := s.newOutbox(stream)
	defer out.close()
	for {
		if s.stopping.Err() != nil {
			return errStopping
		}
		m, err := out.next(stream.Context(), cursor, false)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := out.send(m); err != nil {
			return err
		}
	}
}
