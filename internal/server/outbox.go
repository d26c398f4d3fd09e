package server

import (
	"sync"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
)

// largeMessage is the size in bytes from which a response is counted. What
// smaller ones may take is bounded by the number of streams.
const largeMessage = 32 << 10

// outbox sends the messages of one stream. The transport takes a message whole
// and keeps it until its client makes room. So large ones are counted until
// they are written: clients that do not read cannot make the server hold more
// than Options.ResponseMemory.
type outbox struct {
	stream  grpc.ServerStream
	budget  *budget
	parcels []*parcel // sent, and perhaps not written yet
}

// parcel is a large message that the transport has.
type parcel struct {
	budget  *budget
	weight  int64
	once    sync.Once
	written chan struct{}
}

// done gives back what the parcel weighs.
func (p *parcel) done() {
	p.once.Do(func() {
		p.budget.give(p.weight)
		close(p.written)
	})
}

// send sends the message in a slab, which is the transport's from then on.
func (o *outbox) send(slab *[]byte) error {
	if len(*slab) < largeMessage {
		return o.stream.SendMsg(wire.NewSlabFrame(slab, nil))
	}
	p := &parcel{budget: o.budget, weight: int64(cap(*slab)), written: make(chan struct{})}
	if err := o.budget.take(o.stream.Context(), p.weight); err != nil {
		wire.Slabs.Put(slab)
		return err
	}
	o.forget()
	o.parcels = append(o.parcels, p)
	return o.stream.SendMsg(wire.NewSlabFrame(slab, p.done))
}

// forget drops the parcels that are written, in the order that they were sent.
func (o *outbox) forget() {
	for len(o.parcels) > 0 {
		select {
		case <-o.parcels[0].written:
			o.parcels = o.parcels[1:]
		default:
			return
		}
	}
}

// close waits until all is written, unless the stream breaks or stopping is
// closed: for behind the end of its handler a stream tells nothing any more.
func (o *outbox) close(stopping <-chan struct{}) {
	for _, p := range o.parcels {
		select {
		case <-p.written:
		case <-o.stream.Context().Done():
		case <-stopping:
		}
		p.done()
	}
}
