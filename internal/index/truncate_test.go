package index_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
)

// truncateHasher makes few different hashes, so that entries collide.
var truncateHasher = index.NewHasher([16]byte{7})

// truncateTerm returns one of a few terms.
func truncateTerm(n int) index.Term {
	return truncateHasher.Term(index.KindTag, fmt.Sprintf("tag:%d", n))
}

// truncateModel is a head block and the terms of its events.
type truncateModel struct {
	block  *index.HeadBlock
	events [][]int
}

func (m *truncateModel) add(terms []int) {
	list := make([]index.Term, len(terms))
	for i, n := range terms {
		list[i] = truncateTerm(n)
	}
	m.block.AddEvent(index.Location{Offset: int64(len(m.events)) * 100, Size: 100}, list)
	m.events = append(m.events, terms)
}

// positions returns the positions of a term by the events.
func (m *truncateModel) positions(term int) (found []uint64) {
	for i, terms := range m.events {
		if slices.Contains(terms, term) {
			found = append(found, m.block.First()+uint64(i))
		}
	}
	return found
}

// seekAll returns the positions of a term by the block.
func seekAll(t rapid.TB, block *index.HeadBlock, term int) (found []uint64) {
	postings, _, err := block.Postings(truncateTerm(term), index.Forwards)
	for key, more := uint64(0), true; err == nil; key++ {
		if key, more, err = postings.Seek(key); !more {
			break
		}
		found = append(found, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTruncatedHeadBlockHasOnlyTheEventsBeforeTheMark(t *testing.T) {
	const terms = 6
	rapid.Check(t, func(t *rapid.T) {
		m := &truncateModel{block: index.NewHeadBlock(truncateHasher, 10, 0)}
		bytes := map[int]int{0: m.block.Bytes()} // by number of events
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				m.add(rapid.SliceOfN(rapid.IntRange(0, terms-1), 0, 4).Draw(t, "terms"))
			},
			"add and truncate": func(t *rapid.T) {
				mark, before := m.block.Mark(), len(m.events)
				bytes[before] = m.block.Bytes()
				for range rapid.IntRange(0, 5).Draw(t, "events") {
					m.add(rapid.SliceOfN(rapid.IntRange(0, terms-1), 0, 4).Draw(t, "terms"))
				}
				m.block.Truncate(mark)
				m.events = m.events[:before]
				if have := m.block.Bytes(); have != bytes[before] {
					t.Errorf("the block takes %d bytes after truncation, %d before", have, bytes[before])
				}
			},
			"": func(t *rapid.T) {
				if have, want := m.block.Next(), 10+uint64(len(m.events)); have != want {
					t.Errorf("the next position is %d, want %d", have, want)
				}
				for term := range terms {
					if have, want := seekAll(t, m.block, term), m.positions(term); !slices.Equal(have, want) {
						t.Errorf("term %d has the positions %v, want %v", term, have, want)
					}
				}
			},
		})
	})
}

// A reader that has postings keeps its positions, whatever is added after a truncation.
func TestTruncationDoesNotChangeWhatReadersHold(t *testing.T) {
	m := &truncateModel{block: index.NewHeadBlock(truncateHasher, 1, 0)}
	for range 3 {
		m.add([]int{1})
	}
	mark := m.block.Mark()
	for range 2 {
		m.add([]int{1})
	}
	postings, n, err := m.block.Postings(truncateTerm(1), index.Forwards)
	if err != nil || n != 5 {
		t.Fatalf("%d postings, %v", n, err)
	}
	locations, err := m.block.Locations(nil, 1, 5)
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for position := uint64(1); position <= 5; position++ {
			if found, ok, err := postings.Seek(position); found != position || !ok || err != nil {
				t.Errorf("Seek(%d) returns %d, %t, %v", position, found, ok, err)
			}
		}
	})
	m.block.Truncate(mark)
	m.add([]int{2})
	m.add([]int{2})
	m.add([]int{1})
	reading.Wait()
	if locations[3].Offset != 300 {
		t.Errorf("a location has changed to %d", locations[3].Offset)
	}
	if have := seekAll(t, m.block, 1); !slices.Equal(have, []uint64{1, 2, 3, 6}) {
		t.Errorf("the positions are %v", have)
	}
}
