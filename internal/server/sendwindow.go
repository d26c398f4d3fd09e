package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

var errClosed = status.Error(codes.Unavailable, "the connection is closed")

// sendWindow sends the messages of one stream. The transport accepts a message at once and
// keeps it until the client's flow-control window allows it. Therefore messages are
// counted, by the capacity of their slabs, until they are written, so that clients that
// do not read cannot make the server use more than Options.ResponseMemory.
type sendWindow struct {
	stream     grpc.ServerStream
	connection *connection
	budget     *budget
	stopping   context.Context
}

func (s *Server) newSendWindow(stream grpc.ServerStream) *sendWindow {
	return &sendWindow{stream: stream, connection: connectionOf(stream.Context()), budget: s.responses, stopping: s.stopping}
}

// inFlight is a message that was passed to the transport and is not written yet, perhaps
// even after the handler of the call has returned.
type inFlight struct {
	call        *call
	reservation reservation
	sent        time.Time
}

// done releases the memory of a message. It may be called again.
func (p *inFlight) done() {
	c := p.reservation.connection
	c.mu.Lock()
	held := c.inFlight[p]
	delete(c.inFlight, p)
	c.mu.Unlock()
	if held {
		p.reservation.release()
		p.call.written()
	}
}

// message is a message that is not sent yet, and the memory reserved for it.
type message struct {
	slab     *[]byte
	reserved reservation
}

// drop releases a message that will not be sent.
func (m message) drop() {
	wire.Slabs.Put(m.slab)
	m.reserved.release()
}

// next waits for the next message of a cursor and returns it. The message is small if
// small is set or if the memory for large messages is in use: clients that do not read
// make the messages of others smaller, but do not make them wait.
func (w *sendWindow) next(ctx context.Context, cursor record.Cursor, small bool) (message, error) {
	if err := cursor.Wait(ctx); err != nil {
		return message{}, err
	}
	m, err := w.allocate(ctx, small)
	for err == nil {
		*m.slab, err = cursor.Next(ctx, (*m.slab)[:0], int(m.reserved.bytes))
		if err == nil {
			return m, nil
		}
		m.drop()
		larger := (*record.MessageTooSmallError)(nil)
		if !errors.As(err, &larger) {
			return message{}, err
		}
		m, err = w.allocateFor(ctx, larger.Need)
	}
	return message{}, err
}

// allocate reserves memory for a message and returns it, empty. If small is false, the
// message is large if there is memory for it.
func (w *sendWindow) allocate(ctx context.Context, small bool) (message, error) {
	if !small {
		if reserved, ok := w.budget.tryReserve(w.connection, largePool, wire.LargeSlab); ok {
			return message{wire.Slabs.Get(wire.LargeSlab), reserved}, nil
		}
		w.budget.press()
	}
	return w.allocateFor(ctx, smallMessage)
}

// allocateFor reserves memory for a message of some bytes and returns it, empty. It fails
// when the server stops.
func (w *sendWindow) allocateFor(ctx context.Context, bytes int) (message, error) {
	reserved, err := w.budget.reserve(ctx, w.connection, largePool, int64(wire.SlabCapacity(bytes)))
	if err != nil {
		return message{}, err
	}
	if w.stopping.Err() != nil {
		reserved.release()
		return message{}, errStopping
	}
	return message{wire.Slabs.Get(bytes), reserved}, nil
}

// send sends a message, which the caller must not use afterwards. It releases the part of
// the reserved memory that the message does not need.
func (w *sendWindow) send(m message) error {
	slab := wire.Trim(m.slab)
	_ = m.reserved.resize(w.stream.Context(), int64(cap(*slab))) // not larger: it cannot fail
	p := &inFlight{call: callOf(w.stream.Context()), reservation: m.reserved, sent: time.Now()}
	if !w.connection.track(p) {
		message{slab, m.reserved}.drop()
		return errClosed
	}
	return w.stream.SendMsg(wire.NewSlabFrame(slab, p.done))
}

// track counts a message in flight, and reports whether the connection is open. Nothing
// releases the messages of a closed connection.
func (c *connection) track(p *inFlight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.arriving == nil {
		return false
	}
	p.call.pending.Add(1)
	c.inFlight[p] = true
	return true
}

// close must be called when the handler returns. If the call was cancelled, the transport
// has dropped its messages, perhaps without calling done.
func (w *sendWindow) close() {
	if w.stream.Context().Err() == nil {
		return
	}
	c := callOf(w.stream.Context())
	w.connection.drop(func(p *inFlight) bool { return p.call == c })
}

// drop releases the messages in flight that which selects.
func (c *connection) drop(which func(*inFlight) bool) {
	var dropped []*inFlight
	c.mu.Lock()
	for p := range c.inFlight {
		if which(p) {
			dropped = append(dropped, p)
		}
	}
	c.mu.Unlock()
	for _, p := range dropped {
		p.done()
	}
}
