package client_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// inBubble runs a test with an in-memory server and client and a fake clock.
func inBubble(t *testing.T, s *scripted, test func(*testing.T, *client.Client), options ...grpc.ServerOption) {
	synctest.Test(t, func(t *testing.T) {
		listener := bufconn.Listen(1 << 20)
		server := grpc.NewServer(options...)
		umadbv1.RegisterDCBServer(server, s)
		go server.Serve(listener)
		defer server.Stop()
		c, err := client.NewOver(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		test(t, c)
	})
}

func now() time.Time { return time.Now() }

func sleep(t *testing.T, d time.Duration) {
	t.Helper()
	time.Sleep(d)
}
