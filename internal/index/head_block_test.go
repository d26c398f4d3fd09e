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

func TestAMemoryBlockTellsItsRange(t *testing.T) {
	c := spaced(7, 2)
	m := c.memory()
	if m.First() != 1001 || m.Next() != 1015 || m.Terms() != 1 || m.Hasher() != hasher {
		t.Errorf("it is from %d to %d, with %d terms", m.First(), m.Next(), m.Terms())
	}
}

// The caller's text may lie in a buffer that is used again.
func TestAMemoryBlockCopiesTexts(t *testing.T) {
	m := index.NewHeadBlock(hasher, 1, 10)
	for i := range 10_000 {
		text := fmt.Appendf(nil, "text %d%s", i, strings.Repeat("x", i%300))
		m.AddEvent(location(uint64(i)), []index.Term{tag(unsafe.String(&text[0], len(text)))})
		clear(text)
	}
	for i := range 10_000 {
		finds(t, m, tag(fmt.Sprintf("text %d%s", i, strings.Repeat("x", i%300))), []uint64{uint64(i) + 1})
	}
}

func TestAnEventThatRepeatsATermBearsItOnce(t *testing.T) {
	c := &contents{first: 1, events: [][]index.Term{
		{tag("a"), tag("a"), tag("b"), tag("a")}, {tag("b")}, {tag("a"), tag("a")}, {tag("a"), eventType("a"), tag("a")},
	}}
	c.holds(t, c.memory())
	c.holds(t, c.flush(t, newShelf(t)))
}

func TestTheLastTrackingPositionCounts(t *testing.T) {
	m := index.NewHeadBlock(hasher, 1, 0)
	for position := range uint64(5) {
		m.SetTracking("upstream", position)
	}
	if have, known, err := m.Tracking(hasher.Source("upstream")); have != 4 || !known || err != nil {
		t.Errorf("it is %d, %v, %v", have, known, err)
	}
}

func TestAMemoryBlockListsWhatItHolds(t *testing.T) {
	c := varied()
	m := c.memory()
	have, want := map[index.Term][]uint64{}, c.postings()
	must(t, m.EachTerm(func(term index.Term, positions []uint32) error {
		for _, position := range positions {
			have[term] = append(have[term], m.First()+uint64(position))
		}
		return nil
	}))
	if !maps.EqualFunc(have, want, slices.Equal) {
		t.Errorf("it lists %d terms of %d, or other positions", len(have), len(want))
	}
	sources := map[string]uint64{}
	must(t, m.EachSource(func(source string, position uint64) error { sources[source] = position; return nil }))
	if !maps.Equal(sources, c.sources) {
		t.Errorf("it lists the sources %v", sources)
	}
	if err := m.EachTerm(func(index.Term, []uint32) error { return errDisk }); err != errDisk {
		t.Errorf("an error does not end it: %v", err)
	}
	if err := m.EachSource(func(string, uint64) error { return errDisk }); err != errDisk {
		t.Errorf("an error does not end it: %v", err)
	}
}

// Bytes is what the limit on memory goes by, so nothing may be left out.
func TestAMemoryBlockKnowsRoughlyWhatItTakes(t *testing.T) {
	for name, add := range map[string]func(*index.HeadBlock, int){
		"tags of their own": func(m *index.HeadBlock, i int) { m.AddEvent(index.Location{}, []index.Term{tag(fmt.Sprint(i))}) },
		"one tag":           func(m *index.HeadBlock, _ int) { m.AddEvent(index.Location{}, []index.Term{tag("one")}) },
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
					t.Fatalf("it shrinks to %d bytes", m.Bytes())
				}
				before = m.Bytes()
			}
			if least := 1000 * 4; m.Bytes() < least {
				t.Errorf("1000 take %d bytes", m.Bytes())
			}
		})
	}
}

// The race detector looks on while one goroutine adds and others read, each up to
// what it knows to be there.
func TestAMemoryBlockIsReadWhileItGrows(t *testing.T) {
	const events = 3000
	m := index.NewHeadBlock(hasher, 1, 0)
	var published atomic.Uint64
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for head := uint64(0); head < events; {
				head = published.Load()
				readsUpTo(t, m, head)
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

// readsUpTo fails unless the tag of all events is on each up to a head.
func readsUpTo(t *testing.T, m *index.HeadBlock, head uint64) {
	p, count, err := m.Postings(tag("all"), index.Forwards)
	if err != nil || uint64(count) < head {
		t.Errorf("of %d events there are %d: %v", head, count, err)
	}
	for key := uint64(1); key <= head; key += 97 {
		if found, ok, err := p.Seek(key); found != key || !ok || err != nil {
			t.Errorf("sought %d, found %d, %v, %v", key, found, ok, err)
		}
	}
	if head == 0 {
		return
	}
	locations, err := m.Locations(nil, head, 1)
	if err != nil || locations[0] != location(head) {
		t.Errorf("the event at %d lies at %+v: %v", head, locations, err)
	}
	if _, known, err := m.Tracking(hasher.Source("upstream")); !known || err != nil {
		t.Errorf("the source is unknown: %v", err)
	}
}
