package main

import (
	"context"
	"sync"
	"time"

	"github.com/umadb-go/umadb/client"
)

const (
	lagSamples = 200 // of each server
	lagPause   = 10 * time.Millisecond
	lagClients = 64
)

// measureLag measures the time from the acknowledgement of an append at one server until a local
// read at another one has it: while nothing else happens, and while clients append.
func measureLag(servers []*server) (idle, busy *samples, err error) {
	idle = &samples{name: "lag of another server, idle"}
	busy = &samples{name: "lag of another server, 64 clients"}
	if err := lag(servers, idle); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	for range lagClients {
		store, err := client.Dial("http://"+servers[0].address, nil)
		if err != nil {
			return nil, nil, err
		}
		clients.Go(func() {
			defer store.Close()
			newWriter(store).append(ctx)
		})
	}
	return idle, busy, lag(servers, busy)
}

// lag adds samples of all servers but the first one, at which it appends.
func lag(servers []*server, s *samples) error {
	w := newWriter(servers[0].store)
	for range lagSamples {
		if err := w.once(context.Background()); err != nil {
			return err
		}
		_, position := w.last()
		acknowledged := time.Now()
		var reading sync.WaitGroup
		times, errs := make([]time.Duration, len(servers)), make([]error, len(servers))
		for i, other := range servers[1:] {
			reading.Go(func() {
				for head := uint64(0); head < position && errs[i] == nil; {
					head, errs[i] = other.store.Head(context.Background())
				}
				times[i] = time.Since(acknowledged)
			})
		}
		reading.Wait()
		for i := range servers[1:] {
			if errs[i] != nil {
				return errs[i]
			}
			s.add(times[i])
		}
		time.Sleep(lagPause)
	}
	return nil
}
