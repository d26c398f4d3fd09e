// Command opening measures the time to open a store of many events, and the memory
// of the process afterwards.
//
//	go run ./bench/opening -events 10000000
//
// It fills a store in a temporary directory once and opens it in new processes.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	umadb "github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
)

// sample contains the measurements of one process that opened the store.
type sample struct {
	Opened   time.Duration // until Open returned
	Closed   time.Duration
	Head     uint64
	RestKiB  int // VmRSS after Open and one read by tag
	PeakKiB  int // VmHWM
	FirstTag time.Duration
}

func main() {
	events := flag.Int("events", 10_000_000, "events in the store")
	dir := flag.String("dir", "", "use and keep this store instead of a temporary one")
	runs := flag.Int("runs", 5, "number of processes that open it")
	child := flag.Bool("child", false, "open the store and print the measurements (used internally)")
	flag.Parse()
	run := func() error { return measure(*dir, *events, *runs) }
	if *child {
		run = func() error { return measureOpen(*dir) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "opening:", err)
		os.Exit(1)
	}
}

func measure(dir string, events, runs int) error {
	if dir == "" {
		temp, err := os.MkdirTemp("", "umadb-opening-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = temp
	}
	start := time.Now()
	if err := fill(dir, events); err != nil {
		return err
	}
	fmt.Printf("filled with %d events in %.1f s\n", events, time.Since(start).Seconds())
	var samples []sample
	for range runs {
		s, err := openInProcess(dir)
		if err != nil {
			return err
		}
		fmt.Printf("opened %d events in %.3f s, memory %d MiB, peak %d MiB, first read by tag %.1f ms\n",
			s.Head, s.Opened.Seconds(), s.RestKiB>>10, s.PeakKiB>>10, 1000*s.FirstTag.Seconds())
		samples = append(samples, s)
	}
	slices.SortFunc(samples, func(a, b sample) int { return int(a.Opened - b.Opened) })
	fmt.Printf("median of opening: %.3f s\n", samples[len(samples)/2].Opened.Seconds())
	return nil
}

// fill appends events with three tags, one of them unique, up to a total of events.
func fill(dir string, events int) error {
	store, err := umadb.Open(dir, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx := context.Background()
	head, err := store.Head(ctx)
	if err != nil {
		return err
	}
	const batch = 1000
	for n := int(head); n < events; n += batch {
		request := make([]dcb.Event, min(batch, events-n))
		for i := range request {
			id := n + i
			request[i] = dcb.Event{
				Type: fmt.Sprintf("EventOfType%02d", id%20),
				Tags: []string{fmt.Sprintf("order:%012d", id), fmt.Sprintf("customer:%08d", id/10), fmt.Sprintf("region:%d", id%7)},
				Data: make([]byte, 100),
			}
		}
		if _, err := store.Append(ctx, request, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func openInProcess(dir string) (s sample, err error) {
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	command := exec.Command(self, "-child", "-dir", dir)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}

// measureOpen opens the store and prints a sample as JSON.
func measureOpen(dir string) error {
	var s sample
	start := time.Now()
	store, err := umadb.Open(dir, nil)
	if err != nil {
		return err
	}
	s.Opened = time.Since(start)
	ctx := context.Background()
	if s.Head, err = store.Head(ctx); err != nil {
		return err
	}
	start = time.Now()
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{fmt.Sprintf("customer:%08d", s.Head/20)}}}}
	if _, _, err := store.Read(ctx, query, dcb.ReadOptions{}).Collect(); err != nil {
		return err
	}
	s.FirstTag = time.Since(start)
	debug.FreeOSMemory()
	s.RestKiB, s.PeakKiB = memory("VmRSS:"), memory("VmHWM:")
	start = time.Now()
	if err := store.Close(); err != nil {
		return err
	}
	s.Closed = time.Since(start)
	return json.NewEncoder(os.Stdout).Encode(s)
}

// memory returns a value of /proc/self/status in KiB, or 0 if there is none.
func memory(name string) (kib int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, name); found {
			fmt.Sscan(rest, &kib)
		}
	}
	return kib
}
