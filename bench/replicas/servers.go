package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// server is a server of ours that is killed and started again.
type server struct {
	address string
	args    []string
	program string
	process *servertest.Process
	store   dcb.EventStore // of a client of this server only
}

// startServers starts the servers of a shared log, with local reads, and connects to each.
func startServers(life *lifetime, o *options, url string) (servers []*server, err error) {
	for i := range count {
		address, release, err := servertest.ReserveAddress()
		if err != nil {
			return nil, err
		}
		life.Cleanup(release)
		s := &server{address: address, program: o.program, args: append([]string{"serve", "--listen", address, "--db-path", filepath.Join(o.path, fmt.Sprint(i)),
			"--log", url, "--advertise", "http://" + address, "--reads", "local"}, o.more...)}
		life.Cleanup(func() { s.process.Kill() })
		if err := s.start(); err != nil {
			return nil, err
		}
		if s.store, err = client.Dial("http://"+address, nil); err != nil {
			return nil, err
		}
		life.Cleanup(func() { s.store.Close() })
		servers = append(servers, s)
	}
	return servers, nil
}

// start starts the process, and waits until it listens.
func (s *server) start() (err error) {
	s.process, err = servertest.StartListener(context.Background(), exec.Command(s.program, s.args...), s.address)
	return err
}

// urlOf returns a URL of all servers.
func urlOf(servers []*server) string {
	var addresses []string
	for _, s := range servers {
		addresses = append(addresses, s.address)
	}
	return "http://" + strings.Join(addresses, ",")
}

// preferred returns the server that has appended the last record of a log, and so serves the
// client that appends.
func preferred(ctx context.Context, log sharedlog.Log, servers []*server) (*server, error) {
	last, err := log.Last(ctx)
	if err != nil {
		return nil, err
	}
	records, err := log.Read(ctx, last.Index)
	for len(records) == 0 && err == nil { // the member of the engine does not have it yet
		if err = log.Wait(ctx, last.Index-1); err == nil {
			records, err = log.Read(ctx, last.Index)
		}
	}
	if err != nil {
		return nil, err
	}
	envelope, _, err := sharedlog.Decode(records[0].Bytes)
	for _, s := range servers {
		if strings.HasSuffix(envelope.Address, s.address) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("an unknown server has appended the last record (%w)", err)
}

// awaitAll waits until all servers have a position.
func awaitAll(servers []*server, position uint64) error {
	for _, s := range servers {
		for end := time.Now().Add(time.Minute); ; time.Sleep(joinPause) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			head, err := s.store.Head(ctx)
			cancel()
			if err == nil && head >= position {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("the server %s has position %d of %d (%v); it printed: %s", s.address, head, position, err, s.process.Output)
			}
		}
	}
	return nil
}
