// Package umadbtest has helpers for tests of programs that use an event store: an empty
// store in memory, a server on a free port, and the conformance suite for implementations
// of dcb.EventStore.
package umadbtest

import (
	"context"
	"net"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
	"github.com/umadb-go/umadb/server"
)

// NewStore returns an empty event store in memory. It is closed when the test ends.
func NewStore(t testing.TB) dcb.EventStore {
	t.Helper()
	store := umadb.OpenMemory()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("umadbtest: closing the store: %v", err)
		}
	})
	return store
}

// NewServer starts a server for a store, on a free port of the loopback interface, and
// returns its URL. The server is stopped when the test ends, and before the store is
// closed if NewStore opened it.
func NewServer(t testing.TB, store dcb.EventStore) (url string) {
	t.Helper()
	s, err := server.New(store, server.Options{})
	if err != nil {
		t.Fatalf("umadbtest: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("umadbtest: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // the test has ended: calls in progress are aborted
		_ = s.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("umadbtest: serving: %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

// Options configures Run. The zero value checks every rule.
type Options struct {
	// SkipBetter skips the rules that docs/semantics.md marks as better: those in which
	// this project differs from the released Rust server.
	SkipBetter bool
}

// Run checks, with one subtest for each rule, that an implementation of dcb.EventStore
// behaves as docs/semantics.md describes. open must return an empty store, and must close
// it with t.Cleanup.
func Run(t *testing.T, open func(t testing.TB) dcb.EventStore, options Options) {
	storetest.Run(t, func(t storetest.T) dcb.EventStore {
		return open(t.(testing.TB)) // the suite passes on the *testing.T of the subtest
	}, storetest.Options{SkipBetter: options.SkipBetter})
}
