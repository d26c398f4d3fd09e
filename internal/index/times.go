package index

import (
	"encoding/binary"
	"fmt"
	"sort"
	"unsafe"

	"github.com/umadb-go/umadb/internal/vfs"
)

// groupTime is a row of the times of a block: the commit time of a group with events. The rows
// ascend by position, and their times do not decrease.
type groupTime struct {
	first uint32 // position of the first event of the group, relative to that of the block
	time  int64  // Unix nanoseconds
}

const (
	// timeBytes is the encoded size of a groupTime; it divides pagePayload.
	timeBytes = 12
	// timesPerPage is the number of rows in a page.
	timesPerPage = pagePayload / timeBytes
	// MaxTimeBytes is the memory that the time of a group takes in a head block.
	MaxTimeBytes = int(unsafe.Sizeof(groupTime{}))
)

// encode encodes a row, little-endian:
//
//	0 4  first position
//	4 8  time
func (t groupTime) encode(b []byte) {
	binary.LittleEndian.PutUint32(b, t.first)
	binary.LittleEndian.PutUint64(b[4:], uint64(t.time))
}

func decodeTime(b []byte) groupTime {
	return groupTime{first: binary.LittleEndian.Uint32(b), time: int64(binary.LittleEndian.Uint64(b[4:]))}
}

// AddTime records the commit time of a group, whose events start at a position and were
// added. Times must not decrease.
func (h *HeadBlock) AddTime(first uint64, time int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times = append(h.times, groupTime{uint32(first - h.first), time})
	h.bytes += MaxTimeBytes
}

// GroupTimes returns the number of groups with events whose time is known.
func (h *HeadBlock) GroupTimes() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.times)
}

// Times appends the commit times of positions, in Unix nanoseconds.
func (h *HeadBlock) Times(dst []int64, positions []uint64) ([]int64, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	after := 0 // the first row after the last position
	for _, position := range positions {
		at := uint32(position - h.first)
		if after == 0 || at < h.times[after-1].first || after < len(h.times) && at >= h.times[after].first {
			after = sort.Search(len(h.times), func(i int) bool { return h.times[i].first > at })
		}
		dst = append(dst, h.times[after-1].time)
	}
	return dst, nil
}

// PositionAt returns the position of the last event committed at a time or before, and reports
// whether there is one. It may be an event that is not published.
func (h *HeadBlock) PositionAt(time int64) (uint64, bool, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	after := sort.Search(len(h.times), func(i int) bool { return h.times[i].time > time })
	switch after {
	case 0:
		return 0, false, nil
	case len(h.times):
		return h.first + uint64(len(h.locations)) - 1, true, nil
	}
	return h.first + uint64(h.times[after].first) - 1, true, nil
}

// GroupTimes returns the number of groups with events.
func (b *Block) GroupTimes() uint64 { return uint64(b.timeRows) }

// Times appends the commit times of positions, in Unix nanoseconds.
func (b *Block) Times(dst []int64, positions []uint64) ([]int64, error) {
	s := newScratch()
	defer s.free()
	r := timeReader{block: b, scratch: s, scan: isScan(positions)}
	var g timedGroup
	for _, position := range positions {
		at := uint32(position - b.First)
		if at < g.first || uint64(at) >= g.next {
			var err error
			if g, err = r.groupOf(at, g); err != nil {
				return dst, err
			}
		}
		dst = append(dst, g.time)
	}
	return dst, nil
}

// isScan reports whether positions are those of a scan, whose pages are not cached.
func isScan(positions []uint64) bool {
	n := len(positions)
	if n < manyLocations {
		return false
	}
	first, last := positions[0], positions[n-1]
	return max(first, last)-min(first, last) == uint64(n-1)
}

// PositionAt returns the position of the last event committed at a time or before, and reports
// whether there is one.
func (b *Block) PositionAt(time int64) (uint64, bool, error) {
	s := newScratch()
	defer s.free()
	r := timeReader{block: b, scratch: s}
	if b.timeRows == 0 {
		return 0, false, nil
	}
	if first, err := r.row(0); err != nil || first.time > time {
		return 0, false, err
	}
	// Recent times are looked up most often, so the search starts at the end.
	after, err := r.search(int64(b.timeRows), func(t groupTime) bool { return t.time > time })
	if err == nil && after == 0 {
		err = b.timeCorruption(0)
	}
	if err != nil {
		return 0, false, err
	}
	next, err := r.firstOf(after)
	return b.First + next - 1, err == nil, err
}

// timedGroup is a row of a block and where the next one starts.
type timedGroup struct {
	groupTime
	row  int64
	next uint64 // 0 for no row
}

// timeReader reads rows of the times of a block. It keeps the page that it read last.
type timeReader struct {
	block   *Block
	scratch *scratch
	scan    bool // do not cache the pages
	number  int64
	page    []byte // page number of the times; nil before the first read
}

// row returns a row.
func (r *timeReader) row(i int64) (groupTime, error) {
	if number := i / timesPerPage; r.page == nil || number != r.number {
		read := r.block.page
		if r.scan {
			read = r.block.pageOfScan
		}
		page, err := read(r.block.timePage()+number, r.scratch)
		if err != nil {
			r.page = nil
			return groupTime{}, err
		}
		r.number, r.page = number, page
	}
	return decodeTime(r.page[i%timesPerPage*timeBytes:]), nil
}

// firstOf returns where the group of a row other than the first starts; for the row after the
// last one, the end of the block. It is above 0.
func (r *timeReader) firstOf(i int64) (uint64, error) {
	if i == int64(r.block.timeRows) {
		return r.block.Events, nil
	}
	row, err := r.row(i)
	if err == nil && (row.first == 0 || uint64(row.first) >= r.block.Events) {
		err = r.block.timeCorruption(i)
	}
	return uint64(row.first), err
}

// groupOf returns the group of an event. The search starts near another group, at the row that
// would be the right one if all groups had the same number of events.
func (r *timeReader) groupOf(at uint32, near timedGroup) (g timedGroup, err error) {
	distance := (int64(at) - int64(near.first)) * int64(r.block.timeRows) / int64(r.block.Events)
	after, err := r.search(near.row+distance, func(t groupTime) bool { return t.first > at })
	if err != nil {
		return g, err
	}
	if after == 0 {
		return g, r.block.timeCorruption(0)
	}
	g.row = after - 1
	if g.groupTime, err = r.row(g.row); err == nil {
		g.next, err = r.firstOf(after)
	}
	if err == nil && g.next <= uint64(at) {
		err = r.block.timeCorruption(after)
	}
	return g, err
}

// search returns the index of the first row for which after is true, or the number of rows. It starts
// near a row, and moves away from it in steps that double until it has passed the result.
func (r *timeReader) search(near int64, after func(groupTime) bool) (int64, error) {
	rows := int64(r.block.timeRows)
	low, high := int64(0), rows // the result is not outside
	probe := min(max(near, 0), rows-1)
	for step := int64(1); low < high; step *= 2 {
		row, err := r.row(probe)
		if err != nil {
			return 0, err
		}
		if after(row) {
			high = probe
		} else {
			low = probe + 1
		}
		switch {
		case high == rows:
			probe = min(low+step, rows) - 1
		case low == 0:
			probe = max(high-step, 0)
		default:
			probe = low + (high-low)/2
		}
	}
	return low, nil
}

// timePage returns the number of the first page of the times.
func (b *Block) timePage() int64 { return 1 + int64(b.directoryPages) + int64(b.locationPages) }

// timeCorruption returns the error for a row that contradicts another one.
func (b *Block) timeCorruption(row int64) error {
	page := b.timePage() + row/timesPerPage
	return &vfs.CorruptionError{File: b.Name, Offset: page * pageBytes, What: fmt.Sprintf("the time of group %d of the block is malformed", row+1)}
}
