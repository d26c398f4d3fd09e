//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// node is a server of the shared log. While it is wanted, it is started again whenever its
// process has exited, as a supervisor does.
type node struct {
	number  int
	program string
	dir     string   // its file system
	disk    *disk    // nil if it has none of its own
	url     string   // of the log
	address string   // where it listens
	clients *link    // from clients
	peers   *link    // from other nodes
	engine  []*link  // to the members of the engine
	output  *os.File // of all its processes

	mu      sync.Mutex
	process *servertest.Process // guarded by mu; nil if none runs
	started time.Time           // of the process; guarded by mu
	wanted  bool                // guarded by mu
	wake    chan struct{}       // of the supervisor
	over    chan struct{}       // closed to end the supervisor
	ended   sync.WaitGroup
	exits   map[string]int // last lines of processes that exited without a signal; guarded by mu
}

func newNode(t testing.TB, w *world, number int) *node {
	n := &node{
		number: number, program: w.program, dir: filepath.Join(w.dir, fmt.Sprintf("node%d", number)), address: servertest.Address(t),
		wake: make(chan struct{}, 1), over: make(chan struct{}), exits: map[string]int{},
	}
	n.clients, n.peers = newLink(t, dialTCP(n.address)), newLink(t, dialTCP(n.address))
	var addresses []string
	for member := range w.engine.members() {
		l := newLink(t, w.engine.dial(member))
		n.engine, addresses = append(n.engine, l), append(addresses, l.address)
	}
	n.url = w.engine.url(addresses)
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if n.output, err = os.Create(filepath.Join(w.dir, fmt.Sprintf("node%d.log", number))); err != nil {
		t.Fatal(err)
	}
	n.ended.Go(n.supervise)
	t.Cleanup(func() {
		close(n.over)
		n.kill()
		n.ended.Wait()
		n.output.Close()
	})
	return n
}

// store returns the directory of the store.
func (n *node) store() string { return filepath.Join(n.dir, "uma.db") }

// limit returns the file with the maximum size of the store.
func (n *node) limit() string { return n.dir + ".limit" }

func (n *node) supervise() {
	for {
		select {
		case <-n.over:
			return
		case <-n.wake:
		case <-time.After(200 * time.Millisecond):
		}
		n.mu.Lock()
		if n.wanted && n.process == nil {
			cmd := exec.Command(n.program, "serve", "--db-path", n.store(), "--listen", n.address, "--log", n.url,
				"--advertise", "http://"+n.peers.address, "--max-disk-file", n.limit())
			cmd.Stdout, cmd.Stderr = n.output, n.output
			process, err := servertest.Start(cmd)
			if err != nil {
				n.exits[err.Error()]++
			} else {
				n.process, n.started = process, time.Now()
			}
		}
		process := n.process
		n.mu.Unlock()
		if process == nil {
			continue
		}
		<-process.Exited()
		n.mu.Lock()
		if n.process == process { // it was not ended by kill or stop
			n.process = nil
			n.exits[n.lastLine()]++
		}
		n.mu.Unlock()
	}
}

// lastLine returns the last line of the output, without the time.
func (n *node) lastLine() string {
	text, err := os.ReadFile(n.output.Name())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	line := lines[len(lines)-1]
	if _, rest, found := strings.Cut(line, " "); found && strings.HasPrefix(line, "time=") {
		line = rest
	}
	return line
}

// start makes the node run.
func (n *node) start() error {
	n.mu.Lock()
	n.wanted = true
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
	return errors.Join(n.clients.open(), n.peers.open())
}

// take returns the process, if any, and prevents another one.
func (n *node) take() *servertest.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	process := n.process
	n.process, n.wanted = nil, false
	return process
}

// kill ends the node with SIGKILL.
func (n *node) kill() {
	process := n.take()
	if process != nil {
		process.Kill()
	}
	n.clients.close()
	n.peers.close()
}

// handlesSignals is the time after which a process surely handles SIGTERM. Before, the signal
// may end it without a clean exit.
const handlesSignals = 5 * time.Second

// stop ends the node with SIGTERM.
func (n *node) stop() error {
	process := n.take()
	if process == nil {
		return nil
	}
	young := time.Since(n.started) < handlesSignals
	err := process.Stop()
	n.clients.close()
	n.peers.close()
	if err != nil && !young {
		return fmt.Errorf("node %d: %w; its last line is: %s", n.number, err, n.lastLine())
	}
	return nil
}

// signal sends a signal to the process, if any.
func (n *node) signal(signal syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		_ = n.process.Signal(signal)
	}
}

// listens reports whether the node accepts connections.
func (n *node) listens() bool {
	conn, err := net.DialTimeout("tcp", n.address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// run runs a command of the program.
func (w *world) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, w.program, args...).CombinedOutput()
	return strings.TrimSpace(string(output)), err
}
