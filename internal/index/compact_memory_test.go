package index_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A tag of every event has a list of any length, so a compaction must not keep one in memory.
func TestCompactionDoesNotKeepLists(t *testing.T) {
	const events = 1 << 20
	fs := vfs.OS{}
	d, err := fs.OpenDir(t.TempDir())
	must(t, err)
	s := index.Builder{Dir: d, Store: storeID, Cache: index.NewCache(1 << 20), Temp: "new.tmp"}
	var blocks []*index.Block
	for group := range uint64(2) {
		head := index.NewHeadBlock(hasher, 1+group*events, 0)
		for range events {
			head.AddTime(head.Next(), 1)
			head.AddEvent(index.Location{Size: 1}, []index.Term{tag("all")})
		}
		block, err := s.Flush(head, index.Span{FirstGroup: group + 1, LastGroup: group + 1})
		must(t, err)
		blocks = append(blocks, block)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	compacted, err := s.Compact(blocks)
	must(t, err)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 6<<20 {
		t.Errorf("compacting a list of %d positions allocated %d MiB", 2*events, allocated>>20)
	}
	if _, n, err := compacted.Postings(tag("all"), index.Forwards); n != 2*events || err != nil {
		t.Errorf("the list has %d positions, %v", n, err)
	}
	for _, b := range append(blocks, compacted) {
		must(t, b.Close())
	}
	must(t, d.Close())
}

// A sync of many bytes at once would delay the syncs of the log.
func TestBlockIsSyncedWhileItIsWritten(t *testing.T) {
	const most = 2 << 20
	s := newBlockDir(t)
	unsynced, largest := int64(0), int64(0)
	s.Dir = vfs.ObserveDir(s.Dir, func(op vfs.Op) error {
		switch op.Kind {
		case "write":
			unsynced += op.Size
			largest = max(largest, unsynced)
		case "sync":
			unsynced = 0
		}
		return nil
	})
	c := &contents{first: 1, events: [][]index.Term{{tag(strings.Repeat("x", 4<<20))}}}
	c.flush(t, s)
	if largest == 0 || largest > most {
		t.Errorf("%d bytes were synced at once, want at most %d", largest, most)
	}
}
