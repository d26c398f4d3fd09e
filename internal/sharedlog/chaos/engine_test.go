//go:build linux

package chaos

import (
	"context"
	"net"
	"testing"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// engine keeps the shared log in several processes, its members.
type engine interface {
	// members returns the number of members.
	members() int
	// dial connects to a member.
	dial(member int) func(context.Context) (net.Conn, error)
	// url returns the URL of the log if the members are at addresses.
	url(addresses []string) string
	// open opens the log without links.
	open(context.Context) (sharedlog.Log, error)
	// committer returns a function that commits something at a member without links. It returns an
	// error if the member cannot commit, and may wait until it can.
	committer(member int) func(context.Context) error
	// faults returns the faults of members and of the links between them.
	faults() []fault
	// keepsAll reports whether the engine keeps all records, so that every node may lose its disk.
	keepsAll() bool
	// healed reports whether all members run and replicate.
	healed(testing.TB) bool
}

// engines are the engines that can be tested.
var engines = map[string]func(*world) engine{"etcd": startEtcd, "postgres": startPostgres}
