package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// outbox sends the messages of one stream. The transport accepts a message at once and
// keeps it until the client has room for it. So messages are counted, by the capacity of
// their slabs, until they are written: clients that do not read cannot make the server
// hold more than Options.ResponseMemory.
type outbox struct {
	stream     grpc.ServerStream
	connection *connection
	budget     *budget
	stopping   context.Context
}

func (s *Server) newOutbox(stream grpc.ServerStream) *outbox {
	return &outbox{stream: stream, connection: connectionOf(stream.Context()), budget: s.responses, stopping: s.stopping}
}

// parcel is a message that the transport holds, perhaps until after the handler of the
// call has returned.
type parcel struct {
	call        *call
	reservation reservation
	sent        time.Time
}

// done releases the memory of a message. It may be called again.
func (p *parcel) done() {
	c := p.reservation.connection
	c.mu.Lock()
	held := c.parcels[p]
	delete(c.parcels, p)
	c.mu.Unlock()
	if held {
		p.reservation.release()
		p.call.written()
	}
}

// message is a message that was not sent yet, and the memory reserved for it.
type message struct {
	slab     *[]byte
	reserved reservation
}

// drop drops a message that will not be sent.
func (m message) drop() {
	wire.Slabs.Put(m.slab)
	m.reserved.release()
}

// next waits for the next message of a cursor and makes it. The message is small if that
// is asked for, and also if the memory for large ones is in use. So clients that do not
// take their messages make those of others smaller, and no others wait for them.
func (o *outbox) next(ctx context.Context, cursor encoding.Cursor, small bool) (message, error) {
	if err := cursor.Wait(ctx); err != nil {
		return message{}, err
	}
	m, err := o.allocate(ctx, small)
	for err == nil {
		*m.slab, err = cursor.Next(ctx, (*m.slab)[:0], int(m.reserved.bytes))
		if err == nil {
			return m, nil
		}
		m.drop()
		larger := (*encoding.MessageTooSmallError)(nil)
		if !errors.As(err, &larger) {
			return message{}, err
		}
		m, err = o.allocateFor(ctx, larger.Need)
	}
	return message{}, err
}

// allocate returns an empty message, after it has reserved the memory.
func (o *outbox) allocate(ctx context.Context, small bool) (message, error) {
	if !small {
		if reserved, ok := o.budget.tryReserve(o.connection, largePool, wire.LargeSlab); ok {
			return message{wire.Slabs.Get(wire.LargeSlab), reserved}, nil
		}
		o.budget.press()
	}
	return o.allocateFor(ctx, smallMessage)
}

// allocateFor returns an empty message with room for some bytes, after it has reserved
// them. It fails when the server stops.
func (o *outbox) allocateFor(ctx context.Context, bytes int) (message, error) {
	reserved, err := o.budget.reserve(ctx, o.connection, largePool, int64(wire.SlabCapacity(bytes)))
	if err != nil {
		return message{}, err
	}
	if o.stopping.Err() != nil {
		reserved.release()
		return message{}, errStopping
	}
	return message{wire.Slabs.Get(bytes), reserved}, nil
}

// send sends a message, which the caller must not use afterwards. Of the memory reserved
// for it, what it does not take is released.
func (o *outbox) send(m message) error {
	slab := wire.Trim(m.slab)
	_ = m.reserved.resize(o.stream.Context(), int64(cap(*slab))) // not larger: it cannot fail
	p := &parcel{call: callOf(o.stream.Context()), reservation: m.reserved, sent: time.Now()}
	p.call.pending.Add(1)
	o.connection.mu.Lock()
	o.connection.parcels[p] = true
	o.connection.mu.Unlock()
	return o.stream.SendMsg(wire.NewSlabFrame(slab, p.done))
}

// close must be called when the handler returns. If the client has gone, the transport
// has dropped the messages, perhaps without calling done.
func (o *outbox) close() {
	if o.stream.Context().Err() == nil {
		return
	}
	c := callOf(o.stream.Context())
	o.connection.drop(func(p *parcel) bool { return p.call == c })
}

// drop releases the messages that which selects.
func (c *connection) drop(which func(*parcel) bool) {
	var dropped []*parcel
	c.mu.Lock()
	for p := range c.parcels {
		if which(p) {
			dropped = append(dropped, p)
		}
	}
	c.mu.Unlock()
	for _, p := range dropped {
		p.done()
	}
}
