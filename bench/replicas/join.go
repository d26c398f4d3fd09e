package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

const (
	joinBatch   = 1000 // events of an append
	joinWriters = 4
	joinPause   = 10 * time.Millisecond // between two looks at the head
)

// measureJoin fills a shared log with events through one server, and measures how long a second
// one, with an empty directory, takes until it has them all.
func measureJoin(o *options, events int) (err error) {
	life := &lifetime{}
	defer life.end(&err)
	url := engines[o.engine](life).url
	if output, err := exec.Command(o.program, "cluster", "create", "--log", url).CombinedOutput(); err != nil {
		return fmt.Errorf("umadb cluster create: %w; it printed: %s", err, output)
	}
	first, err := startReplica(life, o, url, filepath.Join(o.path, "first"))
	if err != nil {
		return err
	}
	began := time.Now()
	if err := fill(first, events); err != nil {
		return err
	}
	fmt.Printf("appended %d events in %.1f s\n", events, time.Since(began).Seconds())
	dir := filepath.Join(o.path, "second")
	began = time.Now()
	second, err := startReplica(life, o, url, dir)
	if err != nil {
		return err
	}
	started := time.Since(began)
	for {
		head, err := second.Head(context.Background())
		if err != nil {
			return err
		}
		if head == uint64(events) {
			break
		}
		time.Sleep(joinPause)
	}
	took, bytes := time.Since(began).Seconds(), logBytes(dir)
	fmt.Printf("the second server listened after %.3f s, and had %d events after %.1f s: %.0f events/s, %.0f MB/s of log\n",
		started.Seconds(), events, took, float64(events)/took, float64(bytes)/1e6/took)
	return nil
}

// startReplica starts a server that answers reads with what it has, and connects to it.
func startReplica(life *lifetime, o *options, url, dir string) (dcb.EventStore, error) {
	address, release, err := servertest.ReserveAddress()
	if err != nil {
		return nil, err
	}
	life.Cleanup(release)
	args := append([]string{"serve", "--listen", address, "--db-path", dir, "--log", url, "--advertise", "http://" + address, "--reads", "local"}, o.more...)
	server, err := servertest.StartListener(context.Background(), exec.Command(o.program, args...), address)
	if err != nil {
		return nil, err
	}
	life.Cleanup(func() {
		if err := server.Stop(); err != nil {
			life.Errorf("a server: %v; it printed: %s", err, server.Output)
		}
	})
	return client.Dial("http://"+address, nil)
}

// fill appends events with three tags, one of them unique.
func fill(store dcb.EventStore, events int) error {
	var writers sync.WaitGroup
	failed := make(chan error, joinWriters)
	for w := range joinWriters {
		writers.Go(func() {
			for n := w * joinBatch; n < events; n += joinWriters * joinBatch {
				request := make([]dcb.Event, min(joinBatch, events-n))
				for i := range request {
					id := n + i
					request[i] = dcb.Event{
						Type: fmt.Sprintf("EventOfType%02d", id%20),
						Tags: []string{fmt.Sprintf("order:%012d", id), fmt.Sprintf("customer:%08d", id/10), fmt.Sprintf("region:%d", id%7)},
						Data: make([]byte, 100),
					}
				}
				if _, err := store.Append(context.Background(), request, nil, nil); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	writers.Wait()
	close(failed)
	return <-failed
}

// logBytes returns the bytes of the log in a directory.
func logBytes(dir string) (total int64) {
	segments, _ := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	for _, name := range segments {
		if info, err := os.Stat(name); err == nil {
			total += info.Size()
		}
	}
	return total
}
