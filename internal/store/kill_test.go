package store_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// kills is the number of kills; `make kill` sets it to 100.
var kills = flag.Int("kills", 5, "how often TestKill kills a process under 64 writers")

// killDir is the environment variable of the process to be killed, with the directory
// of its store.
const killDir = "UMADB_TEST_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		appendUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// appendUntilKilled appends from 64 goroutines, and writes a line to standard output for
// each acknowledged append.
func appendUntilKilled(dir string) {
	s, err := store.Open(dir, killOptions())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	run := time.Now().UnixNano()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", run, w, i)
				position, err := s.Append(context.Background(), newEvents(name, 1+i%3), nil, &dcb.TrackingInfo{Source: name, Position: 1})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Fprintf(os.Stdout, "%s %d\n", name, position)
			}
		})
	}
	wg.Wait()
}

// killOptions returns options with small segments and blocks.
func killOptions() *store.Options {
	return &store.Options{SegmentBytes: 256 << 10, BlockEvents: 500}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]uint64{} // by all processes so far
	known := map[uint64]string{} // from a position to the append found there
	for n := range *kills {
		for name, position := range killProcess(t, dir) {
			acked[name] = position
		}
		verifyAfterKill(t, dir, acked, known)
		if t.Failed() {
			t.Fatalf("after kill %d of %d, with %d appends acknowledged", n+1, *kills, len(acked))
		}
	}
	t.Logf("%d kills, %d appends acknowledged, %d events", *kills, len(acked), len(known))
	checkDir(t, dir)
}

// killProcess starts a process, kills it some time after its first append, and returns
// the acknowledged appends.
func killProcess(t *testing.T, dir string) map[string]uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	acked := map[string]uint64{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		once.Do(func() {
			time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { cmd.Process.Kill() })
		})
		var name string
		var position uint64
		if n, _ := fmt.Sscan(lines.Text(), &name, &position); n == 2 {
			acked[name] = position
		}
	}
	cmd.Wait() // it was killed
	if len(acked) == 0 {
		t.Fatal("the process acknowledged nothing")
	}
	return acked
}

// verifyAfterKill compares the store with the acknowledged appends, and with the events
// found earlier, which it extends.
func verifyAfterKill(t *testing.T, dir string, acked map[string]uint64, known map[uint64]string) {
	t.Helper()
	s, err := store.Open(dir, killOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	last := map[string]uint64{}
	next := uint64(1)
	for e, err := range s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).All() {
		if err != nil {
			t.Fatal(err)
		}
		if e.Position != next {
			t.Fatalf("position %d, want %d", e.Position, next)
		}
		next++
		name := e.Event.Tags[0]
		last[name] = e.Position
		if before, found := known[e.Position]; found && before != name {
			t.Errorf("position %d had %s and has %s", e.Position, before, name)
		}
		known[e.Position] = name
	}
	if uint64(len(known)) != next-1 {
		t.Errorf("%d events, want %d, as found earlier", next-1, len(known))
	}
	for name, position := range acked {
		if last[name] != position {
			t.Errorf("%s was acknowledged at %d and is at %d", name, position, last[name])
		}
	}
}
