package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// timedStore returns a store with an index of events, each in a group of its own, a microsecond
// after the one before. It has no log.
func timedStore(b *testing.B, events uint64) *Store {
	b.Helper()
	s, err := Open("/store", &Options{FS: vfs.NewMem()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	builder := s.builder("bench.tmp", nil)
	const perBlock = 2 << 20
	var blocks []*fileBlock
	for first := uint64(1); first <= events; first += perBlock {
		last := min(first+perBlock-1, events)
		h := index.NewHeadBlock(s.hasher, first, 0)
		for position := first; position <= last; position++ {
			h.AddEvent(index.Location{Size: 1}, nil)
			h.AddTime(position, int64(position)*1000)
		}
		block, err := builder.Flush(h, index.Span{FirstGroup: first, LastGroup: last})
		if err != nil {
			b.Fatal(err)
		}
		blocks = append(blocks, &fileBlock{Block: block})
	}
	s.states.change(func(st *state) {
		st.blocks = blocks
		st.heads = []*headBlock{newHeadBlock(s.hasher, eventlog.Tail{Index: events, Next: events + 1}, 0)}
	})
	s.publish(eventlog.Point{Tail: eventlog.Tail{Index: events, Next: events + 1}})
	return s
}

func BenchmarkPositionAt(b *testing.B) {
	for _, events := range []uint64{100_000, 10_000_000} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			s := timedStore(b, events)
			chance := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for b.Loop() {
				want := 1 + chance.Uint64N(events)
				if position, err := s.PositionAt(b.Context(), time.Unix(0, int64(want)*1000)); err != nil || position != want {
					b.Fatalf("position %d, %v, want %d", position, err, want)
				}
			}
		})
	}
}
