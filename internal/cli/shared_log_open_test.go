package cli

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A server of a shared log starts again while the engine cannot be reached, and connects later. A
// new one does not start.
func TestServerStartsWithoutItsEngine(t *testing.T) {
	e := fakelog.New(fakelog.Options{})
	if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	reachable := make(chan struct{}, 1) // holds a value while the engine can be reached
	f := &sharedFlags{url: "fake://engine/log", reads: "local", timeout: time.Second, staleness: time.Second, engines: []Engine{{
		Schemes: []string{"fake"}, Example: "fake://engine/log",
		Open: func(context.Context, string) (sharedlog.Log, []string, error) {
			if len(reachable) == 0 {
				return nil, nil, errors.New("no route to the engine")
			}
			return e.Connect(), nil, nil
		},
	}}}
	open := func(dir string) (*store.Store, error) {
		return f.open(dir, &store.Options{Logger: slog.New(slog.DiscardHandler)}, func() string { return "" })
	}
	dir, events := t.TempDir(), []dcb.Event{{Type: "t"}}
	if _, err := open(dir); !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "no route") {
		t.Errorf("a new server: %v", err)
	}
	reachable <- struct{}{}
	s, err := open(dir)
	if err == nil {
		_, err = s.Append(t.Context(), events, nil, nil)
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	<-reachable
	if s, err = open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if head, err := s.Head(t.Context()); head != 1 || err != nil {
		t.Errorf("without the engine, the head is %d, %v", head, err)
	}
	if _, err := s.Append(t.Context(), events, nil, nil); !errors.Is(err, dcb.ErrTransport) {
		t.Errorf("an append without the engine: %v", err)
	}
	reachable <- struct{}{}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if position, err := s.Append(t.Context(), events, nil, nil); err == nil && position == 2 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("with the engine, an append has position %d, %v", position, err)
		}
	}
}

// The requests of the store have the whole time of a request, however long connecting has taken.
func TestServerStartsAfterASlowConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := fakelog.New(fakelog.Options{})
		if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
			t.Fatal(err)
		}
		f := &sharedFlags{url: "fake://engine/log", reads: "fresh", timeout: time.Second, staleness: time.Second, engines: []Engine{{
			Schemes: []string{"fake"}, Example: "fake://engine/log",
			Open: func(ctx context.Context, _ string) (sharedlog.Log, []string, error) {
				<-ctx.Done()
				return e.Connect(), nil, nil
			},
		}}}
		s, err := f.open("/store", &store.Options{FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler)}, func() string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
