package client_test

import (
	"context"
	"strings"
	"testing"
)

func TestConnectionsAreCounted(t *testing.T) {
	script := func() *scripted {
		return &scripted{onHead: func(context.Context) (*uint64, error) { return new(uint64(7)), nil }}
	}
	first := script()
	c := first.connect(t)
	ask := func() uint64 {
		if _, err := c.Head(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		return c.Connections()
	}
	n := ask()
	if again := ask(); n == 0 || again != n {
		t.Errorf("%d connections, and %d for the same one", n, again)
	}
	first.grpc.Stop()
	script().start(t, strings.TrimPrefix(first.url, "http://"))
	if later := ask(); later <= n {
		t.Errorf("%d connections after a restart, %d before", later, n)
	}
}
