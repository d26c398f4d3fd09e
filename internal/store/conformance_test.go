package store_test

import (
	"context"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/storetest"
)

func open(t storetest.T, dir string, options *store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(dir, options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		s.Close()
		checkDir(t, dir)
	})
	return s
}

// checkDir holds every store that a test leaves to all invariants.
func checkDir(t storetest.T, dir string) {
	t.Helper()
	report, err := store.Check(context.Background(), dir, nil)
	if err != nil {
		t.Errorf("checking %s: %v", dir, err)
		return
	}
	for _, p := range report.Problems {
		t.Errorf("%s at %d: %s", p.File, p.Offset, p.What)
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t storetest.T) dcb.EventStore {
		return open(t, t.TempDir(), nil)
	}, storetest.Options{})
}

// Small segments and blocks bring every size of thing into a short history.
func TestConformanceInSmallPieces(t *testing.T) {
	storetest.Run(t, func(t storetest.T) dcb.EventStore {
		return open(t, t.TempDir(), smallPieces())
	}, storetest.Options{})
}

func smallPieces() *store.Options {
	return &store.Options{SegmentBytes: 4 << 10, BlockEvents: 3, CacheBytes: 64 << 10}
}

func TestModel(t *testing.T) {
	for name, options := range map[string]*store.Options{"default": nil, "small pieces": smallPieces()} {
		t.Run(name, func(t *testing.T) {
			storetest.Model(t, func(t storetest.T) (dcb.EventStore, func() dcb.EventStore) {
				dir := t.TempDir()
				s := open(t, dir, options)
				return s, func() dcb.EventStore {
					if err := s.Close(); err != nil {
						t.Fatalf("close: %v", err)
					}
					s = open(t, dir, options)
					return s
				}
			})
		})
	}
}
