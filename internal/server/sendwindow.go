package server

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// sendWindow sends the messages of one call. A message waits for the flow-control windows
// of the client, so messages are counted, by the capacity of their slabs, until they are
// sent: clients that do not read cannot make the server use more than
// Options.ResponseMemory.
type sendWindow struct {
	call     *call
	progress *progress
	budget   *budget
	stopping context.Context
}

func (s *Server) newSendWindow(c *call, p *progress) *sendWindow {
	return &sendWindow{call: c, progress: p, budget: s.responses, stopping: s.stopping}
}

// inFlight is a message that is being sent.
type inFlight struct {
	bytes   int64
	started time.Time
}

// message is a message that is not sent yet, and the memory reserved for it.
type message struct {
	slab     *[]byte
	reserved reservation
	reached  record.Progress // with this message
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
	w.progress.waiting.Store(true)
	err := cursor.Wait(ctx)
	w.progress.waiting.Store(false)
	if err != nil {
		return message{}, err
	}
	m, err := w.allocate(ctx, small)
	for err == nil {
		*m.slab, err = cursor.Next(ctx, (*m.slab)[:0], int(m.reserved.bytes))
		if err == nil {
			m.reached = cursor.Progress()
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
		if reserved, ok := w.budget.tryReserve(w.call.connection, largePool, wire.LargeSlab); ok {
			return message{slab: wire.Slabs.Get(wire.LargeSlab), reserved: reserved}, nil
		}
		w.budget.press()
	}
	return w.allocateFor(ctx, smallMessage)
}

// allocateFor reserves memory for a message of some bytes and returns it, empty. It fails
// when the server stops.
func (w *sendWindow) allocateFor(ctx context.Context, bytes int) (message, error) {
	reserved, err := w.budget.reserve(ctx, w.call.connection, largePool, int64(wire.SlabCapacity(bytes)))
	if err != nil {
		return message{}, err
	}
	if w.stopping.Err() != nil {
		reserved.release()
		return message{}, errStopping
	}
	return message{slab: wire.Slabs.Get(bytes), reserved: reserved}, nil
}

// send sends a message, which the caller must not use afterwards. After the last one the
// call must end.
func (w *sendWindow) send(m message, last bool) error {
	w.call.sent(len(*m.slab))
	m.slab = wire.Trim(m.slab)
	_ = m.reserved.resize(w.call.Context(), int64(cap(*m.slab))) // not larger: it cannot fail
	defer m.drop()
	p := &inFlight{bytes: m.reserved.bytes, started: time.Now()}
	w.call.connection.track(p)
	defer w.call.connection.untrack(p)
	w.progress.sending.Store(p.started.UnixNano())
	defer w.progress.sending.Store(0)
	if err := w.call.Send(*m.slab, last); err != nil {
		return err
	}
	w.progress.sent(m.reached)
	return nil
}
