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

// kills is how often a process is killed; `make kill` has it 100 times.
var kills = flag.Int("kills", 5, "how often TestKill kills a process under 64 writers")

// killDir tells a process of the test that it is the one to be killed.
const killDir = "UMADB_TEST_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		appendUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// appendUntilKilled appends from 64 goroutines, and writes each acknowledged
// append to standard output, in a line of its own.
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
				position, err := s.Append(context.Background(), appends(name, 1+i%3), nil, &dcb.TrackingInfo{Source: name, Position: 1})
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

// killOptions has segments and blocks roll often.
func killOptions() *store.Options {
	return &store.Options{SegmentBytes: 256 << 10, BlockEvents: 500}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]uint64{} // by all processes so far
	known := map[uint64]string{} // what has ever been found at a position
	for n := range *kills {
		for name, position := range killOne(t, dir) {
			acked[name] = position
		}
		verifyKilled(t, dir, acked, known)
		if t.Failed() {
			t.Fatalf("after kill %d of %d, with %d appends acknowledged", n+1, *kills, len(acked))
		}
	}
	t.Logf("%d kills, %d appends acknowledged, %d events", *kills, len(acked), len(known))
	checkDir(t, dir)
}

// killOne starts a process, kills it some time after its first append, and gives
// what it was told.
func killOne(t *testing.T, dir string) map[string]uint64 {
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
	told := map[string]uint64{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		once.Do(func() {
			time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { cmd.Process.Kill() })
		})
		var name string
		var position uint64
		if n, _ := fmt.Sscan(lines.Text(), &name, &position); n == 2 {
			told[name] = position
		}
	}
	cmd.Wait() // it was killed
	if len(told) == 0 {
		t.Fatal("the process acknowledged nothing")
	}
	return told
}

// verifyKilled reads the whole store and compares.
func verifyKilled(t *testing.T, dir string, acked map[string]uint64, known map[uint64]string) {
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
			t.Fatalf("position %d where %d is due", e.Position, next)
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
		t.Errorf("%d positions were once there and only %d are", len(known), next-1)
	}
	for name, position := range acked {
		if last[name] != position {
			t.Errorf("%s was acknowledged at %d and is at %d", name, position, last[name])
		}
	}
}
