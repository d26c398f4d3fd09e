package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
)

// outbox sends the messages of one stream. The transport takes a message whole
// and keeps it until its client makes room. So messages are counted, by the
// capacity that they hold, until they are written: clients that do not read cannot
// make the server hold more than Options.ResponseMemory.
type outbox struct {
	stream     grpc.ServerStream
	connection *connection
	budget     *budget
	stopping   context.Context
}

func (s *Server) newOutbox(stream grpc.ServerStream) *outbox {
	return &outbox{stream: stream, connection: connectionOf(stream.Context()), budget: s.responses, stopping: s.stopping}
}

// parcel is a message that the transport has. It may keep it longer than the handler
// of the call runs.
type parcel struct {
	call        *call
	reservation reservation
	sent        time.Time
}

// done releases what the parcel takes. It may be called again.
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

// reserve reserves room for a message that is to be made. When the server stops, no
// more are made.
func (o *outbox) reserve(bytes int64) (reservation, error) {
	room, err := o.budget.reserve(o.stream.Context(), o.connection, largePool, bytes)
	if err == nil && o.stopping.Err() != nil {
		room.release()
		err = errStopping
	}
	return room, err
}

// none is the reservation for a message of unknown size.
func (o *outbox) none() reservation {
	return reservation{budget: o.budget, connection: o.connection, pool: largePool}
}

// send sends the message in a slab, which is the transport's from then on. What is
// reserved for it is made to fit.
func (o *outbox) send(slab *[]byte, room reservation) error {
	slab = wire.Trim(slab)
	if err := room.resize(o.stream.Context(), int64(cap(*slab))); err != nil {
		room.release()
		wire.Slabs.Put(slab)
		return err
	}
	p := &parcel{call: callOf(o.stream.Context()), reservation: room, sent: time.Now()}
	p.call.pending.Add(1)
	o.connection.mu.Lock()
	o.connection.parcels[p] = true
	o.connection.mu.Unlock()
	return o.stream.SendMsg(wire.NewSlabFrame(slab, p.done))
}

// close ends the outbox with its handler. If the client has gone, the transport has
// dropped the messages, and may not have told.
func (o *outbox) close() {
	if o.stream.Context().Err() == nil {
		return
	}
	c := callOf(o.stream.Context())
	o.connection.drop(func(p *parcel) bool { return p.call == c })
}

// drop releases some messages.
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
