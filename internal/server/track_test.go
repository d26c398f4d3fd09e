package server

import (
	"context"
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// keepingStream is a stream of which the transport never writes the messages.
type keepingStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s keepingStream) Context() context.Context { return s.ctx }
func (s keepingStream) SendMsg(any) error        { return nil }

// droppingStream is a stream that has ended.
type droppingStream struct{ keepingStream }

func (s droppingStream) SendMsg(message any) error {
	message.(*wire.Frame).Free()
	return io.EOF
}

// When the server stops, a call may end before its handler, which may then send a message.
// The memory of the call is released once.
func TestMessageAfterTheEndOfItsCallReleasesNothing(t *testing.T) {
	accepted, client := net.Pipe()
	defer client.Close()
	all := &calls{most: 1 << 20}
	c := &call{connection: newConnection(accepted, newConnections(1, nil, all)), bytes: callBytes}
	if err := all.admit(c); err != nil {
		t.Fatal(err)
	}
	c.pending.Store(1)
	c.ServerStream = droppingStream{keepingStream{ctx: t.Context()}}
	c.end()
	for range 2 {
		if err := c.SendMsg(new(umadbv1.HeadResponse)); err == nil {
			t.Error("the message is sent")
		}
	}
	if used := all.used[anonymous].Load(); used != 0 {
		t.Errorf("%d bytes are used", used)
	}
}

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
