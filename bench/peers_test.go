package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/umadb-go/umadb/umadbtest"
)

// peer returns a server to test with, or skips the test. It does not build Tephra.
func peer(t *testing.T, name string) server {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark runs on Linux")
	}
	s := server{Name: name, kind: umadb{}}
	var err error
	switch name {
	case "embedded":
		s.kind = &embedded{}
	case "tephra":
		s.command = []string{filepath.Join("..", ".cache", "tephra", "bin", "tephra-server")}
		s.kind = tephra{}
		if _, err := os.Stat(s.command[0]); err != nil {
			t.Skip("Tephra is not installed: run the benchmark once with -servers ours,tephra")
		}
	case "postgres":
		s.kind = postgres{}
		s.command, err = single(findPostgres())
		if err != nil {
			t.Skip(err)
		}
	}
	return s
}

// peers are the servers to test with, besides ours.
var peers = []string{"embedded", "tephra", "postgres"}

// eachKind runs a test with clients of each kind of server, on an empty store.
func eachKind(t *testing.T, number int, test func(t *testing.T, clients []client)) {
	t.Run("ours", func(t *testing.T) {
		url := umadbtest.NewServer(t, umadbtest.NewStore(t))
		p := &process{kind: umadb{}, address: strings.TrimPrefix(url, "http://")}
		test(t, dialed(t, p, number))
	})
	for _, name := range peers {
		t.Run(name, func(t *testing.T) { test(t, dialed(t, started(t, peer(t, name)), number)) })
	}
}

// storeDir returns a directory for stores that another user can reach.
func storeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "umadb-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// started starts a server on an empty store.
func started(t *testing.T, s server) *process {
	t.Helper()
	p, err := startServer(t.Context(), s, filepath.Join(storeDir(t), "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// dialed returns clients of a server, each with a connection of its own.
func dialed(t *testing.T, p *process, number int) []client {
	t.Helper()
	clients, err := dial(t.Context(), p, number, 1, 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(clients) })
	return clients
}

// customers returns events of customers, each with a new UUID: to an UmaDB server, an event
// with the same one is a repeated append.
func customers(numbers ...uint64) (events []event) {
	for i, customer := range numbers {
		events = append(events, event{customer: customer, order: customer*100 + uint64(i), high: rand.Uint64(), low: rand.Uint64()})
	}
	return events
}

func ofCustomer(number uint64) filter {
	return filter{eventType, []string{customerOf(number)}}
}

func TestClientsReadWhatWasAppended(t *testing.T) {
	eachKind(t, 1, func(t *testing.T, clients []client) {
		c := clients[0]
		if _, err := c.append(t.Context(), customers(1, 2, 1), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.append(t.Context(), customers(3), nil); err != nil {
			t.Fatal(err)
		}
		if events, err := c.stored(t.Context()); err != nil || events != 4 {
			t.Errorf("%d events are stored, %v", events, err)
		}
		for name, test := range map[string]struct {
			query query
			want  int64
		}{
			"all":       {query{}, 4},
			"customer":  {query{filter: ofCustomer(1)}, 2},
			"two tags":  {query{filter: filter{tags: []string{customerOf(1), orderOf(102)}}}, 1},
			"no event":  {query{filter: ofCustomer(4)}, 0},
			"no type":   {query{filter: filter{eventType: "OrderLost"}}, 0},
			"last":      {query{backwards: true, limit: 1}, 1},
			"unlimited": {query{backwards: true}, 4},
		} {
			counted := int64(0)
			events, _, err := c.read(t.Context(), &test.query, func(events int64) { counted += events })
			if err != nil || events != test.want || counted != test.want {
				t.Errorf("%s: %d events, %d counted, want %d; %v", name, events, counted, test.want, err)
			}
		}
	})
}

func TestClientsCheckConditions(t *testing.T) {
	eachKind(t, 1, func(t *testing.T, clients []client) {
		c := clients[0]
		mustAppend := func(cond *condition, want error) {
			t.Helper()
			if _, err := c.append(t.Context(), customers(1), cond); !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
		}
		mustAppend(&condition{ofCustomer(1), 0}, nil)
		mustAppend(&condition{ofCustomer(1), 0}, errConflict)
		mustAppend(&condition{ofCustomer(2), 0}, nil)
		_, cursor, err := c.read(t.Context(), &query{filter: ofCustomer(1)}, func(int64) {})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(&condition{ofCustomer(1), cursor}, nil)
		mustAppend(&condition{ofCustomer(1), cursor}, errConflict)
	})
}

// Each client appends the next number of the events that it has read, so no two of them
// may append after the same read.
func TestClientsDecideOneAfterTheOther(t *testing.T) {
	const number, decisions = 8, 10
	eachKind(t, number, func(t *testing.T, clients []client) {
		var group errgroup.Group
		var appended [number * decisions]atomic.Int64
		for _, c := range clients {
			group.Go(func() error {
				for range decisions {
					read, err := decide(t.Context(), c, &query{filter: ofCustomer(7)}, customers(7))
					if err != nil {
						return err
					}
					appended[read].Add(1)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		for i := range appended {
			if n := appended[i].Load(); n != 1 {
				t.Errorf("%d appends after reading %d events", n, i)
			}
		}
	})
}

func TestPeersAreMeasured(t *testing.T) {
	for _, name := range peers {
		t.Run(name, func(t *testing.T) { testMeasurement(t, peer(t, name)) })
	}
}

// testMeasurement measures a server. On a busy machine there may be no call in a short
// window; then it measures again, for longer.
func testMeasurement(t *testing.T, s server) {
	var problems []string
	for _, duration := range []string{"100ms", "2s", "10s"} {
		if problems = problemsOfMeasurement(t, s, duration); len(problems) == 0 {
			return
		}
	}
	t.Error(strings.Join(problems, "\n"))
}

func problemsOfMeasurement(t *testing.T, s server, duration string) (problems []string) {
	t.Helper()
	o, err := parseOptions([]string{"-rounds", "1", "-duration", duration, "-warmup", "10ms", "-preload", "500",
		"-appends", "2x2", "-shared", "1x2", "-conditional", "1x2", "-decisions", "2", "-scans", "1", "-lookups", "2",
		"-searches", "2", "-mixed", "2", "-subscribers", "2", "-python", ""})
	if err != nil {
		t.Fatal(err)
	}
	r := runner{options: o, dir: storeDir(t), servers: []server{s}, progress: io.Discard}
	rows, err := r.run(t.Context())
	if err != nil || len(rows) != 13 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, row := range rows {
		if _, isPostgres := s.kind.(postgres); isPostgres && row.Group == shared.title {
			if row.Unsupported == "" {
				problem("%s is supported: %+v", row.Workload, row)
			}
			continue
		}
		if !row.measured() || row.Calls == 0 || row.Count == 0 || row.P99Millis == 0 || row.PeakBytes < 1<<20 || row.DiskBytes == 0 {
			problem("%+v", row)
		}
		if (row.Group == mixed.title) != (row.BesideCalls > 0) {
			problem("%d calls beside %s", row.BesideCalls, row.Workload)
		}
	}
	return problems
}

func TestTephraClientsShareAConnection(t *testing.T) {
	p := started(t, peer(t, "tephra"))
	clients, err := dial(t.Context(), p, 1, 4, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(clients)
	var group errgroup.Group
	for number, c := range clients {
		group.Go(func() error {
			for range 20 {
				if _, err := c.append(t.Context(), customers(uint64(number)), nil); err != nil {
					return err
				}
			}
			events, _, err := c.read(t.Context(), &query{filter: ofCustomer(uint64(number))}, func(int64) {})
			return checkRead(events, 20, err)
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestCallToADeadServerFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	for _, k := range []kind{tephra{}, postgres{}} {
		if _, err := k.connect(t.Context(), listener.Addr().String(), [][]byte{nil}); err == nil {
			t.Errorf("%T connects to a server that closes connections", k)
		}
	}
}
