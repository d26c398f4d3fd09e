package index_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/umadb-go/umadb/internal/index"
)

func TestHeadBlockRange(t *testing.T) {
	c := spaced(7, 2)
	m := c.headBlock()
	if m.First() != 1001 || m.Next() != 1015 || m.Terms() != 1 || m.Hasher() != hasher {
		t.Errorf("the block is from %d to %d, with %d terms", m.First(), m.Next(), m.Terms())
	}
}

// The caller may reuse the memory of a text.
func TestHeadBlockCopiesTexts(t *testing.T) {
	m := index.NewHeadBlock(hasher, 1, 10)
	for i := range 10_000 {
		text := fmt.Appendf(nil, "text %d%s", i, strings.Repeat("x", i%300))
		m.AddEvent(location(uint64(i)), []index.Term{tag(unsafe.String(&text[0], len(text)))})
		clear(text)
	}
	for i := range 10_000 {
		checkPostings(t, m, tag(fmt.Sprintf("text %d%s", i, strings.Repeat("x", i%300))), []uint64{uint64(i) + 1})
	}
}

func TestRepeatedTermOfEventCountsOnce(t *testing.T) {
	c := &contents{first: 1, events: [][]index.Term{
		{tag("a"), tag("a"), tag("b"), tag("a")}, {tag("b")}, {tag("a"), tag("a")}, {tag("a"), eventType("a"), tag("a")},
	}}
	c.check(t, c.headBlock())
	c.check(t, c.flush(t, newBlockDir(t)))
}

func TestTrackingReturnsLastPosition(t *testing.T) {
	m := index.NewHeadBlock(hasher, 1, 0)
	for position := range uint64(5) {
		m.SetTracking("upstream", position)
	}
	if have, known, err := m.Tracking(hasher.Source("upstream")); have != 4 || !known || err != nil {
		t.Errorf("Tracking() = %d, %v, %v", have, known, err)
	}
}

func TestEachTermAndEachSource(t *testing.T) {
	c := varied()
	m := c.headBlock()
	have, want := map[index.Term][]uint64{}, c.postings()
	must(t, m.EachTerm(func(term index.Term, positions []uint32) error {
		for _, position := range positions {
			have[term] = append(have[term], m.First()+uint64(position))
		}
		return nil
	}))
	if !maps.EqualFunc(have, want, slices.Equal) {
		t.Errorf("EachTerm passed %d terms, want %d, or other positions", len(have), len(want))
	}
	sources := map[string]uint64{}
	must(t, m.EachSource(func(source string, position uint64) error { sources[source] = position; return nil }))
	if !maps.Equal(sources, c.sources) {
		t.Errorf("EachSource passed %v", sources)
	}
	if err := m.EachTerm(func(index.Term, []uint32) error { return errDisk }); err != errDisk {
		t.Errorf("EachTerm = %v, want the error of its callback", err)
	}
	if err := m.EachSource(func(string, uint64) error { return errDisk }); err != errDisk {
		t.Errorf("EachSource = %v, want the error of its callback", err)
	}
}

// The limit on memory depends on Bytes, so it must include everything.
func TestHeadBlockBytesGrow(t *testing.T) {
	for name, add := range map[string]func(*index.HeadBlock, int){
		"different tags": func(m *index.HeadBlock, i int) { m.AddEvent(index.Location{}, []index.Term{tag(fmt.Sprint(i))}) },
		"one tag":        func(m *index.HeadBlock, _ int) { m.AddEvent(index.Location{}, []index.Term{tag("one")}) },
		"long tags": func(m *index.HeadBlock, i int) {
			m.AddEvent(index.Location{}, []index.Term{tag(fmt.Sprint(i, strings.Repeat("x", 100)))})
		},
		"sources": func(m *index.HeadBlock, i int) { m.SetTracking(fmt.Sprint(i), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			m := index.NewHeadBlock(hasher, 1, 0)
			before := 0
			for i := range 1000 {
				add(m, i)
				if m.Bytes() < before {
					t.Fatalf("Bytes shrinks to %d", m.Bytes())
				}
				before = m.Bytes()
			}
			if least := 1000 * 4; m.Bytes() < least {
				t.Errorf("after 1000 additions, Bytes() = %d", m.Bytes())
			}
		})
	}
}

// For the race detector: one goroutine adds, and others read up to the published
// position.
func TestHeadBlockConcurrentReads(t *testing.T) {
	const events = 3000
	m := index.NewHeadBlock(hasher, 1, 0)
	var published atomic.Uint64
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for head := uint64(0); head < events; {
				head = published.Load()
				checkReadUpTo(t, m, head)
			}
		})
	}
	for i := range events {
		m.AddEvent(location(uint64(i)+1), []index.Term{tag("all"), tag(fmt.Sprint(i % 7)), tag(fmt.Sprintf("unique %d", i))})
		m.SetTracking("upstream", uint64(i))
		published.Store(uint64(i) + 1)
	}
	all.Wait()
}

// checkReadUpTo fails unless the block contains all events up to head.
func checkReadUpTo(t *testing.T, m *index.HeadBlock, head uint64) {
	p, count, err := m.Postings(tag("all"), index.Forwards)
	if err != nil || uint64(count) < head {
		t.Errorf("the tag has %d positions, want at least %d: %v", count, head, err)
	}
	for key := uint64(1); key <= head; key += 97 {
		if found, ok, err := p.Seek(key); found != key || !ok || err != nil {
			t.Errorf("Seek(%d) = %d, %v, %v", key, found, ok, err)
		}
	}
	if head == 0 {
		return
	}
	locations, err := m.Locations(nil, head, 1)
	if err != nil || locations[0] != location(head) {
		t.Errorf("location of position %d = %+v: %v", head, locations, err)
	}
	if _, known, err := m.Tracking(hasher.Source("upstream")); !known || err != nil {
		t.Errorf("the source is unknown: %v", err)
	}
}
