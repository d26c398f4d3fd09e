package client_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/umadb-go/umadb/internal/client"
)

func TestDialNeedsOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(3)
		if _, err := client.NewOver(g.dial, g.addresses...); err == nil || !strings.Contains(err.Error(), "no server of 3 can be used: no connection to a:1 within 5s: connection refused; no connection to b:1") {
			t.Errorf("no server: %v", err)
		}
		g.start(2)
		defer g.stop(2)
		started := now()
		c, err := client.NewOver(g.dial, g.addresses...)
		if err != nil || now().Sub(started) > client.ConnectGrace {
			t.Fatalf("one server, after %v: %v", now().Sub(started), err)
		}
		defer c.Close()
		g.wantTurns(t, c, "c")
		if _, err := c.Append(t.Context(), event, nil, nil); err != nil {
			t.Error(err)
		}
		g.start(0)
		defer g.stop(0)
		sleep(t, client.FirstAvoidance)
		g.wantTurns(t, c, "ac")
		g.start(1)
		defer g.stop(1)
		started = now()
		all, err := client.NewOver(g.dial, g.addresses...)
		if err != nil || now() != started {
			t.Fatalf("all servers, after %v: %v", now().Sub(started), err)
		}
		all.Close()
	})
}

// A server that accepts a connection and sends nothing does not delay calls.
func TestSilentServerDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(3)
		g.start(1)
		defer g.stop(1)
		g.start(2)
		defer g.stop(2)
		dial := func(ctx context.Context, address string) (net.Conn, error) {
			if address == "a:1" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return g.dial(ctx, address)
		}
		started := now()
		c, err := client.NewOver(dial, g.addresses...)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		g.wantTurns(t, c, "bc")
		if _, err := c.Append(t.Context(), event, nil, nil); err != nil {
			t.Error(err)
		}
		if took := now().Sub(started); took > client.ConnectGrace {
			t.Errorf("it took %v", took)
		}
	})
}
