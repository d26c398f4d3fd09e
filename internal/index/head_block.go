package index

import (
	"sync"
	"unsafe"
)

// HeadBlock is the block of the newest positions, in memory. One goroutine adds events.
// Any number of goroutines read, each up to the last published position that it knows.
type HeadBlock struct {
	hasher Hasher
	first  uint64

	mu        sync.RWMutex // guards the fields up to sourceBytes; never held while a query is evaluated
	table     map[uint64]uint32
	entries   []entry
	locations []Location
	times     []groupTime
	sources   map[string]uint64
	arena     []byte // free space for texts
	bytes     int    // roughly the memory that the events take

	sourceBytes int // roughly the memory that the sources take

	ordering sync.Mutex // held while order is extended, before mu
	order    []uint32   // see orderUpTo; guarded by ordering, and replaced instead of changed
}

// entry is a term with its positions, relative to first. Most terms have one position.
type entry struct {
	Term
	same uint32 // 1 + index of the next entry with the same hash, 0 for none
	one  uint32
	more []uint32 // all positions, if there are several
}

const (
	// entryBytes is roughly the memory that an entry takes, with its slot in the table.
	entryBytes = int(unsafe.Sizeof(entry{})) + 24
	// arenaBytes is the size of the allocations for texts.
	arenaBytes = 64 << 10
)

// NewHeadBlock returns an empty block that starts at a position. terms is the expected
// number of distinct terms; 0 if unknown.
func NewHeadBlock(hasher Hasher, first uint64, terms int) *HeadBlock {
	return &HeadBlock{
		hasher:  hasher,
		first:   first,
		table:   make(map[uint64]uint32, terms),
		entries: make([]entry, 0, terms),
		sources: map[string]uint64{},
	}
}

// Terms returns the number of distinct terms, without tracking sources.
func (h *HeadBlock) Terms() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.entries)
}

// First returns the first position of the block.
func (h *HeadBlock) First() uint64 { return h.first }

// Next returns the position after the block's last.
func (h *HeadBlock) Next() uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.first + uint64(len(h.locations))
}

// Bytes returns roughly the memory that the block takes.
func (h *HeadBlock) Bytes() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.bytes + h.sourceBytes
}

// Hasher returns the hasher that makes the terms to add and to look up.
func (h *HeadBlock) Hasher() Hasher { return h.hasher }

// MaxBytes returns the maximum memory that a number of events with a number of terms
// take. text is the total length of the texts in bytes.
func MaxBytes(events, terms, text int) int {
	return events*int(unsafe.Sizeof(Location{})) + terms*entryBytes + text
}

// AddEvent adds the event at the next position. A term may repeat; the texts are
// copied.
func (h *HeadBlock) AddEvent(location Location, terms []Term) {
	h.mu.Lock()
	defer h.mu.Unlock()
	position := uint32(len(h.locations))
	h.locations = append(h.locations, location)
	h.bytes += int(unsafe.Sizeof(location))
	for i := range terms {
		h.addTerm(&terms[i], position)
	}
}

func (h *HeadBlock) addTerm(term *Term, position uint32) {
	head := h.table[term.hash]
	for i := head; i != 0; i = h.entries[i-1].same {
		if e := &h.entries[i-1]; e.Kind == term.Kind && e.Text == term.Text {
			h.bytes += e.add(position)
			return
		}
	}
	added := Term{term.hash, term.Kind, h.keep(term.Text)}
	h.entries = append(h.entries, entry{Term: added, same: head, one: position})
	h.table[term.hash] = uint32(len(h.entries))
	h.bytes += entryBytes + len(term.Text)
}

// add adds a position, and returns by how many bytes the entry grew.
func (e *entry) add(position uint32) int {
	switch {
	case e.more == nil && e.one == position, e.more != nil && e.more[len(e.more)-1] == position:
		return 0 // the event has the term more than once
	case e.more == nil:
		e.more = append(make([]uint32, 0, 4), e.one, position)
		return 16
	}
	before := cap(e.more)
	e.more = append(e.more, position)
	return 4 * (cap(e.more) - before)
}

// keep copies a text into the arena.
func (h *HeadBlock) keep(text string) string {
	if len(text) > len(h.arena) {
		h.arena = make([]byte, max(arenaBytes, len(text)))
	}
	n := copy(h.arena, text)
	kept := unsafe.String(unsafe.SliceData(h.arena), n)
	h.arena = h.arena[n:]
	return kept
}

// SetTracking records the last position of a source.
func (h *HeadBlock) SetTracking(source string, position uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.sources[source]; !known {
		h.sourceBytes += entryBytes + len(source)
	}
	h.sources[source] = position
}

// Tracking returns the last position of a source, and reports whether the block has
// one. The term must be made by Hasher.Source.
func (h *HeadBlock) Tracking(source Term) (uint64, bool, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	position, found := h.sources[source.Text]
	return position, found, nil
}

// Postings returns the positions of a term, and their number. Some may not be published
// yet.
func (h *HeadBlock) Postings(term Term, direction Direction) (Ranked, int, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for i := h.table[term.hash]; i != 0; i = h.entries[i-1].same {
		e := &h.entries[i-1]
		if e.Kind != term.Kind || e.Text != term.Text {
			continue
		}
		positions := e.positions()
		return &slicePostings{first: h.first, positions: positions, direction: direction}, len(positions), nil
	}
	return Empty{}, 0, nil
}

// Count returns how many events have a term.
func (h *HeadBlock) Count(term Term) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for i := h.table[term.hash]; i != 0; i = h.entries[i-1].same {
		if e := &h.entries[i-1]; e.Kind == term.Kind && e.Text == term.Text {
			return max(1, len(e.more))
		}
	}
	return 0
}

// positions returns the current positions. Adding more does not change the slice.
func (e *entry) positions() []uint32 {
	if e.more == nil {
		return []uint32{e.one}
	}
	return e.more
}

// Locations appends the locations of the n positions that start at from.
func (h *HeadBlock) Locations(dst []Location, from uint64, n int) ([]Location, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	at := from - h.first
	return append(dst, h.locations[at:at+uint64(n)]...), nil
}

// EachTerm calls f with each term except tracking sources, and its positions relative
// to First, until f returns an error. The order is unspecified. Nothing may be added
// meanwhile.
func (h *HeadBlock) EachTerm(f func(Term, []uint32) error) error {
	for i := range h.entries {
		if err := f(h.entries[i].Term, h.entries[i].positions()); err != nil {
			return err
		}
	}
	return nil
}

// EachSource calls f with each tracking source and its last position, on the same
// conditions as EachTerm.
func (h *HeadBlock) EachSource(f func(source string, position uint64) error) error {
	for source, position := range h.sources {
		if err := f(source, position); err != nil {
			return err
		}
	}
	return nil
}

// Mark is a point to which a head block can be truncated.
type Mark struct {
	locations, times, entries int
	bytes                     int
}

// Mark returns the current end of the block.
func (h *HeadBlock) Mark() Mark {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return Mark{locations: len(h.locations), times: len(h.times), entries: len(h.entries), bytes: h.bytes}
}

// Truncate removes the events that were added since the mark. Tracking is not removed.
//
// Readers may hold slices that contain the removed positions and locations. Truncate clips
// the slices of the block, so that later additions do not overwrite them.
func (h *HeadBlock) Truncate(to Mark) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// The newest entry of a hash is the first of its list, so entries are removed in the
	// reverse order.
	for i := len(h.entries) - 1; i >= to.entries; i-- {
		e := &h.entries[i]
		if e.same == 0 {
			delete(h.table, e.hash)
		} else {
			h.table[e.hash] = e.same
		}
	}
	clear(h.entries[to.entries:])
	h.entries = h.entries[:to.entries]
	for i := range h.entries {
		h.entries[i].truncate(uint32(to.locations))
	}
	h.locations = h.locations[:to.locations:to.locations]
	h.times = h.times[:to.times:to.times]
	h.bytes = to.bytes
}

// truncate removes the positions from end on.
func (e *entry) truncate(end uint32) {
	n := len(e.more)
	for n > 0 && e.more[n-1] >= end {
		n--
	}
	if n < len(e.more) {
		e.more = e.more[:n:n]
	}
}
