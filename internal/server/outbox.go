package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
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

// reserve reserves memory for a message before it is made. It fails when the server
// stops: no more messages are made then.
func (o *outbox) reserve(bytes int64) (reservation, error) {
	reserved, err := o.budget.reserve(o.stream.Context(), o.connection, largePool, bytes)
	if err == nil && o.stopping.Err() != nil {
		reserved.release()
		err = errStopping
	}
	return reserved, err
}

// none returns an empty reservation, for a message of unknown size.
func (o *outbox) none() reservation {
	return reservation{budget: o.budget, connection: o.connection, pool: largePool}
}

// send sends the message in a slab, which the caller must not use afterwards. It changes
// the reservation to the size of the slab.
func (o *outbox) send(slab *[]byte, reserved reservation) error {
	slab = wire.Trim(slab)
	if err := reserved.resize(o.stream.Context(), int64(cap(*slab))); err != nil {
		reserved.release()
		wire.Slabs.Put(slab)
		return err
	}
	p := &parcel{call: callOf(o.stream.Context()), reservation: reserved, sent: time.Now()}
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
