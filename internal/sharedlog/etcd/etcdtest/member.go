package etcdtest

import (
	"os"
	"os/exec"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
)

// Member is a member of a cluster, which may be stopped and started again.
type Member struct {
	// Name does not change.
	Name string
	// Address is where clients connect.
	Address string

	peer, route  string // where it listens for other members, and where they connect
	program, dir string
	args         []string
	process      *servertest.Process // nil while it does not run
}

// Start starts the member.
func (m *Member) Start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(m.program, m.args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // without the settings of another etcd
	process, err := servertest.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	m.process = process
}

// Kill kills the member, as a crash would.
func (m *Member) Kill() { m.end() }

func (m *Member) end() {
	if m.process != nil {
		m.process.Kill()
		m.process = nil
	}
}
