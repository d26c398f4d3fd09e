package server

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
)

// keepingStream is a stream of which the transport never writes the messages.
type keepingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s keepingStream) Context() context.Context { return s.ctx }
func (s keepingStream) SendMsg(any) error        { return nil }

// The server may close a connection while a handler is about to send a message. The
// transport accepts the message until it finds that the connection is closed, and then
// drops it.
func TestMessageForClosedConnectionReleasesItsMemory(t *testing.T) {
	accepted, client := net.Pipe()
	defer client.Close()
	c := newConnection(accepted, newConnections(1, nil, new(calls)))
	w := &sendWindow{
		stream:     keepingStream{ctx: context.WithValue(t.Context(), callKey{}, &call{connection: c})},
		connection: c,
		budget:     newBudget(ofResponses, "messages", 1<<20, 0, wire.LargeSlab),
		stopping:   context.Background(),
	}
	m, err := w.allocate(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := w.send(m); err == nil {
		t.Error("the message is sent")
	}
	w.close()
	if used := w.budget.used(largePool); used != 0 {
		t.Errorf("%d bytes stay reserved", used)
	}
}
