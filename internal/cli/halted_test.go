package cli_test

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/server"
)

// A client of several servers appends at another one if the first cannot follow the shared log.
func TestAppendMovesFromAServerThatIsHalted(t *testing.T) {
	e := newForwardingEngine(t)
	a := e.forwarding(t, server.Options{})
	a.append(1)
	if err := e.Connect().Trim(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	halted := e.forwarding(t, server.Options{}) // it reads no groups from other servers
	await(t, "the new server is halted", func() bool { return strings.Contains(halted.Unavailable().Error(), "no longer has group 1") })
	c, err := client.Dial(halted.url+","+strings.TrimPrefix(a.url, "http://"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Without a condition, it must not be sent again unless it certainly had no effect.
	if position, err := c.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); position != 2 || err != nil {
		t.Errorf("an append is at %d, %v", position, err)
	}
	e.wantWriters(t, map[*forwardingNode]int{a: 2, halted: 0})
}
