package index

import (
	"sync"
	"unsafe"
)

// HeadBlock is the block of the newest positions. One goroutine adds; any number
// read, each up to the last position that it knows to be published.
type HeadBlock struct {
	hasher Hasher
	first  uint64

	mu        sync.RWMutex // guards all below; never held while a query is evaluated
	table     map[uint64]uint32
	entries   []entry
	locations []Location
	sources   map[string]uint64
	arena     []byte // free room for texts
	bytes     int    // roughly what the block takes
}

// entry is a term with its positions, relative to first. Most terms have one.
type entry struct {
	Term
	same uint32 // 1 + index of the next entry with the same hash, 0 for none
	one  uint32
	more []uint32 // all positions, if there are several
}

const (
	// entryBytes is roughly what an entry takes, with its place in the table.
	entryBytes = int(unsafe.Sizeof(entry{})) + 24
	// arenaBytes is the room that is made for texts at a time.
	arenaBytes = 64 << 10
)

// NewHeadBlock makes a block that begins at a position. terms is about how many
// different terms it will have; 0 if nobody knows.
func NewHeadBlock(hasher Hasher, first uint64, terms int) *HeadBlock {
	return &HeadBlock{
		hasher:  hasher,
		first:   first,
		table:   make(map[uint64]uint32, terms),
		entries: make([]entry, 0, terms),
		sources: map[string]uint64{},
	}
}

// Terms is how many different terms the block has, sources excepted.
func (m *HeadBlock) Terms() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.entries)
}

// First is the position that the block begins at.
func (m *HeadBlock) First() uint64 { return m.first }

// Next is the position behind the block's last.
func (m *HeadBlock) Next() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.first + uint64(len(m.locations))
}

// Bytes is roughly the memory that the block takes.
func (m *HeadBlock) Bytes() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.bytes
}

// Hasher makes the terms to add and to look up.
func (m *HeadBlock) Hasher() Hasher { return m.hasher }

// MaxBytes returns the most memory that some events with some terms take. The texts of
// the terms have text bytes together.
func MaxBytes(events, terms, text int) int {
	return events*int(unsafe.Sizeof(Location{})) + terms*entryBytes + text
}

// AddEvent adds the event at the next position. A term may repeat; the texts are
// copied.
func (m *HeadBlock) AddEvent(location Location, terms []Term) {
	m.mu.Lock()
	defer m.mu.Unlock()
	position := uint32(len(m.locations))
	m.locations = append(m.locations, location)
	m.bytes += int(unsafe.Sizeof(location))
	for i := range terms {
		m.addTerm(&terms[i], position)
	}
}

func (m *HeadBlock) addTerm(term *Term, position uint32) {
	head := m.table[term.hash]
	for i := head; i != 0; i = m.entries[i-1].same {
		if e := &m.entries[i-1]; e.Kind == term.Kind && e.Text == term.Text {
			m.bytes += e.add(position)
			return
		}
	}
	added := Term{term.hash, term.Kind, m.keep(term.Text)}
	m.entries = append(m.entries, entry{Term: added, same: head, one: position})
	m.table[term.hash] = uint32(len(m.entries))
	m.bytes += entryBytes + len(term.Text)
}

// add adds a position, and gives by how much the entry grew.
func (e *entry) add(position uint32) int {
	switch {
	case e.more == nil && e.one == position, e.more != nil && e.more[len(e.more)-1] == position:
		return 0 // the event repeats the term
	case e.more == nil:
		e.more = append(make([]uint32, 0, 4), e.one, position)
		return 16
	}
	before := cap(e.more)
	e.more = append(e.more, position)
	return 4 * (cap(e.more) - before)
}

// keep copies a text into the arena.
func (m *HeadBlock) keep(text string) string {
	if len(text) > len(m.arena) {
		m.arena = make([]byte, max(arenaBytes, len(text)))
	}
	n := copy(m.arena, text)
	kept := unsafe.String(unsafe.SliceData(m.arena), n)
	m.arena = m.arena[n:]
	return kept
}

// SetTracking records the last position of a source.
func (m *HeadBlock) SetTracking(source string, position uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.sources[source]; !known {
		m.bytes += entryBytes + len(source)
	}
	m.sources[source] = position
}

// Tracking gives the last position of a source, if the block has one. The term
// is of Hasher.Source.
func (m *HeadBlock) Tracking(source Term) (uint64, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	position, found := m.sources[source.Text]
	return position, found, nil
}

// Postings gives the positions of a term, and how many there are. Some may not
// be published yet.
func (m *HeadBlock) Postings(term Term, direction Direction) (Postings, int, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for i := m.table[term.hash]; i != 0; i = m.entries[i-1].same {
		e := &m.entries[i-1]
		if e.Kind != term.Kind || e.Text != term.Text {
			continue
		}
		positions := e.positions()
		return &run{first: m.first, positions: positions, direction: direction}, len(positions), nil
	}
	return Empty{}, 0, nil
}

// Count returns how many events have a term.
func (m *HeadBlock) Count(term Term) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for i := m.table[term.hash]; i != 0; i = m.entries[i-1].same {
		if e := &m.entries[i-1]; e.Kind == term.Kind && e.Text == term.Text {
			return max(1, len(e.more))
		}
	}
	return 0
}

// positions gives the positions there are now; later additions do not touch them.
func (e *entry) positions() []uint32 {
	if e.more == nil {
		return []uint32{e.one}
	}
	return e.more
}

// Locations appends the locations of n positions from one on.
func (m *HeadBlock) Locations(dst []Location, from uint64, n int) ([]Location, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := from - m.first
	return append(dst, m.locations[at:at+uint64(n)]...), nil
}

// EachTerm visits the terms, sources excepted, with their positions relative to
// First, in no order, until an error. Nothing may be added meanwhile.
func (m *HeadBlock) EachTerm(visit func(Term, []uint32) error) error {
	for i := range m.entries {
		if err := visit(m.entries[i].Term, m.entries[i].positions()); err != nil {
			return err
		}
	}
	return nil
}

// EachSource visits the tracking sources with their last positions, likewise.
func (m *HeadBlock) EachSource(visit func(source string, position uint64) error) error {
	for source, position := range m.sources {
		if err := visit(source, position); err != nil {
			return err
		}
	}
	return nil
}
