package store_test

import (
	"runtime"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// useMemory opens a store in memory, uses it as a small test would, and closes it.
func useMemory(t testing.TB) {
	s := store.OpenMemory()
	if _, err := s.Append(t.Context(), newEvents("one", 10), nil, nil); err != nil {
		t.Fatal(err)
	}
	if events, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect(); err != nil || len(events) != 10 {
		t.Fatalf("read %d events: %v", len(events), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A program may have thousands of tests, each with a store of its own.
func TestStoreInMemoryTakesLittleMemory(t *testing.T) {
	const stores, bound = 50, 512 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range stores {
		useMemory(t)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / stores; each > bound {
		t.Errorf("a store allocates %d bytes, more than %d", each, bound)
	}
}

// Space that is allocated ahead of appends takes no memory.
func TestStoreInMemoryTakesMemoryForItsEvents(t *testing.T) {
	s := store.OpenMemory()
	defer s.Close()
	const events, size, bound = 200_000, 100, 100 << 20
	batch := newEvents("one", 1000)
	for i := range batch {
		batch[i].Data = make([]byte, size)
	}
	before := liveBytes()
	for range events / len(batch) {
		if _, err := s.Append(t.Context(), batch, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if took := liveBytes() - before; took > bound {
		t.Errorf("%d events of %d bytes take %d bytes of memory", events, size, took)
	} else {
		t.Logf("%d events of %d bytes take %d bytes of memory", events, size, took)
	}
}

func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkStoreInMemory(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		useMemory(b)
	}
}
