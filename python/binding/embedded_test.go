//go:build cgo

package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

func TestHealthWatchReportsFailureOnce(t *testing.T) {
	var failing atomic.Bool
	disk := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
		if failing.Load() && op.Kind == "sync" && strings.Contains(op.Name, "log") {
			return syscall.EIO
		}
		return nil
	})
	opened, err := store.Open("/store", &store.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	ctx, cancel := context.WithCancel(t.Context())
	watch, err := (&embedded{opened}).watchHealth(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	mustReport := func(want client.HealthStatus) {
		t.Helper()
		if message, err := watch.Next(); err != nil || string(message) != string([]byte{8, byte(want)}) {
			t.Fatalf("got % x, %v, want %v", message, err, want)
		}
	}
	mustReport(client.HealthServing)
	failing.Store(true)
	if _, err := opened.Append(t.Context(), []dcb.Event{{Type: "t"}}, nil, nil); !errors.Is(err, dcb.ErrIO) {
		t.Fatalf("append with a failing disk: %v", err)
	}
	mustReport(client.HealthNotServing)
	cancel()
	if _, err := watch.Next(); !errors.Is(err, context.Canceled) {
		t.Fatalf("after cancel: %v", err)
	}
}

// Subscriptions have progress, and reads that subscribe have the messages that they always had.
func TestProgressOfEmbeddedStore(t *testing.T) {
	opened := store.OpenMemory()
	defer opened.Close()
	if _, err := opened.Append(t.Context(), []dcb.Event{{Type: "a"}, {Type: "b"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"a"}}}}
	request := record.EncodeSubscribe(&record.SubscribeRequest{Query: query})
	for _, asked := range []bool{false, true} {
		stream, err := (&embedded{opened}).subscribe(t.Context(), request, subscribeOptions{progress: asked})
		if err != nil {
			t.Fatal(err)
		}
		message, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		progress, found, err := record.DecodeProgress(message)
		if err != nil || found != asked || asked && progress != (dcb.Progress{Checked: 2, Head: 2}) {
			t.Errorf("asked %v: progress %v, found %v, %v", asked, progress, found, err)
		}
		stream.Close()
	}
}
