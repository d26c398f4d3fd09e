package index_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// benchEvents is the number of events in a block of the benchmarks.
const benchEvents = 1 << 16

// benchTerms returns the terms of an event: one of ten types, one tag of its own, and one
// of 2,000 tags.
func benchTerms(hasher index.Hasher, event int) []index.Term {
	return []index.Term{
		hasher.Term(index.KindType, fmt.Sprintf("EventOfType%d", event%10)),
		hasher.Term(index.KindTag, fmt.Sprintf("order:%012d", event)),
		hasher.Term(index.KindTag, fmt.Sprintf("customer:%010d", event%2000)),
	}
}

// benchHead returns a head block of benchEvents events from position first.
func benchHead(first int) *index.HeadBlock {
	hasher := index.NewHasher([16]byte{1})
	head := index.NewHeadBlock(hasher, uint64(first), 0)
	for event := range benchEvents {
		head.AddTime(head.Next(), int64(event))
		head.AddEvent(index.Location{Offset: int64(event) * 300, Size: 300}, benchTerms(hasher, first+event))
	}
	return head
}

// benchBuilder returns a builder of blocks in memory.
func benchBuilder(b *testing.B) *index.Builder {
	b.Helper()
	mem := vfs.NewMem()
	if err := mem.MkdirAll("index"); err != nil {
		b.Fatal(err)
	}
	dir, err := mem.OpenDir("index")
	if err != nil {
		b.Fatal(err)
	}
	return &index.Builder{Dir: dir, Store: [16]byte{1}, Cache: index.NewCache(64 << 20), Temp: "new.tmp"}
}

// benchFlush writes a head block that starts at position first.
func benchFlush(b *testing.B, builder *index.Builder, first int) *index.Block {
	b.Helper()
	span := index.Span{FirstGroup: uint64(first), LastGroup: uint64(first) + benchEvents - 1, Base: 1, Offset: 80, Chain: 7}
	block, err := builder.Flush(benchHead(first), span)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { block.Close() })
	return block
}

func BenchmarkAddEvent(b *testing.B) {
	hasher := index.NewHasher([16]byte{1})
	terms := make([][]index.Term, benchEvents)
	for event := range terms {
		terms[event] = benchTerms(hasher, event+1)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); {
		b.StopTimer()
		head := index.NewHeadBlock(hasher, 1, 0)
		b.StartTimer()
		for _, t := range terms {
			head.AddEvent(index.Location{Size: 300}, t)
		}
		n += benchEvents
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
	}
}

func BenchmarkFlush(b *testing.B) {
	head, builder := benchHead(1), benchBuilder(b)
	span := index.Span{FirstGroup: 1, LastGroup: benchEvents, Base: 1, Offset: 80, Chain: 7}
	b.ReportAllocs()
	for b.Loop() {
		block, err := builder.Flush(head, span)
		if err != nil {
			b.Fatal(err)
		}
		block.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchEvents), "ns/event")
}

func BenchmarkCompact(b *testing.B) {
	builder := benchBuilder(b)
	var blocks []*index.Block
	for n := range 8 {
		blocks = append(blocks, benchFlush(b, builder, 1+n*benchEvents))
	}
	b.ReportAllocs()
	for b.Loop() {
		block, err := builder.Compact(blocks)
		if err != nil {
			b.Fatal(err)
		}
		block.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(blocks)*benchEvents), "ns/event")
}

func BenchmarkLookup(b *testing.B) {
	hasher := index.NewHasher([16]byte{1})
	block := benchFlush(b, benchBuilder(b), 1)
	for _, c := range []struct {
		name string
		term func(n int) index.Term
	}{
		{"postings=1", func(n int) index.Term { return hasher.Term(index.KindTag, fmt.Sprintf("order:%012d", 1+n%benchEvents)) }},
		{"postings=33", func(n int) index.Term {
			return hasher.Term(index.KindTag, fmt.Sprintf("customer:%010d", n%2000))
		}},
		{"postings=0", func(n int) index.Term { return hasher.Term(index.KindTag, fmt.Sprintf("absent:%d", n)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				postings, _, err := block.Postings(c.term(n), index.Forwards)
				for position, more := uint64(0), true; err == nil && more; position++ {
					position, more, err = postings.Seek(position)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnion(b *testing.B) {
	hasher, head := index.NewHasher([16]byte{1}), benchHead(1)
	for _, terms := range []int{2, 10} {
		b.Run(fmt.Sprintf("terms=%d", terms), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				var of []index.Postings
				for i := range terms {
					postings, _, err := head.Postings(hasher.Term(index.KindType, fmt.Sprintf("EventOfType%d", i)), index.Forwards)
					if err != nil {
						b.Fatal(err)
					}
					of = append(of, postings)
				}
				union := index.Union(of...)
				for position, more := uint64(0), true; more; position++ {
					var err error
					if position, more, err = union.Seek(position); err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/position")
		})
	}
}
