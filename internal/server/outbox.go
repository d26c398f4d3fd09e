package server

import (
	"context"
	"sync"
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
	parcels    []*parcel // sent, and perhaps not written yet
}

func (s *Server) newOutbox(stream grpc.ServerStream) *outbox {
	return &outbox{stream: stream, connection: connectionOf(stream.Context()), budget: s.responses, stopping: s.stopping}
}

// parcel is a message that the transport has.
type parcel struct {
	reservation reservation
	sent        time.Time
	once        sync.Once
	written     chan struct{}
}

// done releases what the parcel takes.
func (p *parcel) done() {
	p.once.Do(func() {
		c := p.reservation.connection
		c.mu.Lock()
		delete(c.parcels, p)
		c.mu.Unlock()
		p.reservation.release()
		close(p.written)
	})
}

// reserve reserves room for a message that is to be made. When the server stops, room
// is released that the transport still uses: none is to be made then.
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
	o.forget()
	p := &parcel{reservation: room, sent: time.Now(), written: make(chan struct{})}
	o.parcels = append(o.parcels, p)
	o.connection.mu.Lock()
	o.connection.parcels[p] = true
	o.connection.mu.Unlock()
	return o.stream.SendMsg(wire.NewSlabFrame(slab, p.done))
}

// forget drops the parcels that are written, in the order that they were sent.
func (o *outbox) forget() {
	for len(o.parcels) > 0 {
		select {
		case <-o.parcels[0].written:
			o.parcels[0] = nil
			o.parcels = o.parcels[1:]
		default:
			return
		}
	}
}

// close waits until all is written, unless the stream breaks or the server stops:
// after the end of its handler a stream reports nothing any more.
func (o *outbox) close() {
	for _, p := range o.parcels {
		select {
		case <-p.written:
		case <-o.stream.Context().Done():
		case <-o.stopping.Done():
		}
		p.done()
	}
}
