package cli_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// keyRotation replaces the keys of a server while they are in use. The key "reader" gets
// another hash each time, and "even" and "odd" do so in turn.
type keyRotation struct {
	file    string
	current sync.RWMutex // held for writing while the key of the writers is replaced
	round   int          // guarded by current
}

func secretOf(name string, round int) string {
	return fmt.Sprintf("secret of %s in round %d", name, round)
}

// writerKey returns the key that writers use in a round.
func writerKey(round int) string { return secretOf([]string{"even", "odd"}[round%2], round) }

// write writes the keys of a round, with that of the writers of the round before.
func (r *keyRotation) write(t *testing.T, round int) {
	t.Helper()
	text := ""
	add := func(name, secret, rights string) {
		text += fmt.Sprintf("[[key]]\nname = %q\nsha256 = \"%x\"\nrights = [%s]\n\n", name, sha256.Sum256([]byte(secret)), rights)
	}
	add("steady", "steady secret", `"append"`)
	add("reader", secretOf("reader", round), `"subscribe"`)
	for _, n := range []int{round, round - 1} {
		add([]string{"even", "odd"}[(n+2)%2], writerKey(n+2), `"append"`)
	}
	if err := os.WriteFile(r.file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.file+".new", r.file); err != nil {
		t.Fatal(err)
	}
}

// Keys are replaced 100 times: no call fails, and a subscription whose key gets another hash
// each time does not end.
func TestKeysAreReplacedUnderLoad(t *testing.T) {
	dir := t.TempDir()
	files, err := servertest.WriteCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &keyRotation{file: filepath.Join(dir, "keys.toml")}
	r.write(t, 0)
	server := start(t, "--db-path", filepath.Join(dir, "uma.db"), "--tls-cert", files.Cert, "--tls-key", files.Key, "--keys", r.file)
	dial := func(key string) (dcb.EventStore, error) {
		return client.Dial("https://"+server.address, &client.Options{CAFile: files.CA, APIKey: key, NoResume: true, FailFast: true})
	}
	var appends, seen atomic.Uint64
	appendOne := func(store dcb.EventStore) error {
		_, err := store.Append(t.Context(), []dcb.Event{{Type: "A"}}, nil, nil)
		if err == nil {
			appends.Add(1)
		}
		return err
	}
	withCurrentKey := func() error {
		r.current.RLock()
		defer r.current.RUnlock()
		store, err := dial(writerKey(r.round + 2))
		if err != nil {
			return err
		}
		return errors.Join(appendOne(store), store.Close())
	}
	steady, err := dial("steady secret")
	if err != nil {
		t.Fatal(err)
	}
	defer steady.Close()
	reader, err := dial(secretOf("reader", 0))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	stop := make(chan struct{})
	var load, streams sync.WaitGroup
	streams.Go(func() {
		for e, err := range reader.Subscribe(ctx, dcb.Query{}, 0) {
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("the subscription after event %d: %v", seen.Load(), err)
				}
				return
			}
			seen.Store(e.Position)
		}
	})
	for name, call := range map[string]func() error{
		"an append with a key that stays": func() error { return appendOne(steady) },
		"an append with the current key":  withCurrentKey,
	} {
		load.Go(func() {
			for !isClosed(stop) {
				if err := call(); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	await(t, "the subscription has started", func() bool { return seen.Load() > 0 || t.Failed() })
	for round := 1; round <= 100; round++ {
		r.write(t, round)
		server.Signal(syscall.SIGHUP)
		for _, line := range readLog(t, server, "API keys") {
			if line.Level != "INFO" {
				t.Errorf("round %d: %+v", round, line)
			}
		}
		r.current.Lock()
		r.round = round
		r.current.Unlock()
	}
	close(stop)
	load.Wait()
	await(t, "all events in the subscription", func() bool { return seen.Load() == appends.Load() || t.Failed() })
	cancel()
	streams.Wait()
	t.Logf("%d appends", appends.Load())
	if store, err := dial(writerKey(100)); err == nil { // of two rounds ago
		defer store.Close()
		if _, err := store.Append(t.Context(), []dcb.Event{{Type: "A"}}, nil, nil); !errors.Is(err, dcb.ErrAuthentication) {
			t.Errorf("a key that was replaced: %v", err)
		}
	}
}
