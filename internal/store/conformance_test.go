package store_test

import (
	"context"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/storetest"
)

func openStore(t storetest.T, dir string, options *store.Options) *store.Store {
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

// checkDir verifies all invariants of the store in a directory.
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
		return openStore(t, t.TempDir(), nil)
	}, storetest.Options{})
}

// With small segments and blocks, a short history has many of each.
func TestConformanceWithSmallBlocks(t *testing.T) {
	storetest.Run(t, func(t storetest.T) dcb.EventStore {
		return openStore(t, t.TempDir(), smallBlocks())
	}, storetest.Options{})
}

func smallBlocks() *store.Options {
	return &store.Options{SegmentBytes: 4 << 10, BlockEvents: 3, CacheBytes: 64 << 10}
}

func TestModel(t *testing.T) {
	for name, options := range map[string]*store.Options{"default": nil, "small blocks": smallBlocks()} {
		t.Run(name, func(t *testing.T) {
			storetest.Model(t, func(t storetest.T) (dcb.EventStore, func() dcb.EventStore) {
				dir := t.TempDir()
				s := openStore(t, dir, options)
				return s, func() dcb.EventStore {
					if err := s.Close(); err != nil {
						t.Fatalf("close: %v", err)
					}
					s = openStore(t, dir, options)
					return s
				}
			})
		})
	}
}

func TestConformanceInMemory(t *testing.T) {
	storetest.Run(t, func(t storetest.T) dcb.EventStore {
		s := store.OpenMemory()
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		return s
	}, storetest.Options{})
}
