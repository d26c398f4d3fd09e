package client_test

import (
	"context"
	"strings"
	"testing"
)

func TestConnections(t *testing.T) {
	script := func() *scripted {
		return &scripted{onHead: func(context.Context) (*uint64, error) { return new(uint64(7)), nil }}
	}
	first := script()
	c := first.connect(t)
	connectionsAfterCall := func() uint64 {
		if _, err := c.Head(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		return c.Connections()
	}
	n := connectionsAfterCall()
	if again := connectionsAfterCall(); n == 0 || again != n {
		t.Errorf("%d connections, and %d after another call", n, again)
	}
	first.grpc.Stop()
	script().start(t, strings.TrimPrefix(first.url, "http://"))
	if later := connectionsAfterCall(); later <= n {
		t.Errorf("%d connections after a restart, %d before", later, n)
	}
}
