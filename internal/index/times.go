package index

import (
	"sort"
	"unsafe"
)

// groupTime is the commit time of a group with events.
type groupTime struct {
	first uint32 // position of the first event, relative to that of the block
	time  int64  // Unix nanoseconds
}

// MaxTimeBytes is the maximum memory that the time of a group takes in a head block.
const MaxTimeBytes = int(unsafe.Sizeof(groupTime{}))

// AddTime records the commit time of a group, whose events start at a position and were
// added. Times must not decrease.
func (h *HeadBlock) AddTime(first uint64, time int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times = append(h.times, groupTime{uint32(first - h.first), time})
	h.bytes += MaxTimeBytes
}

// Times appends the commit time of each position, in Unix nanoseconds.
func (h *HeadBlock) Times(dst []int64, positions []uint64) ([]int64, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, position := range positions {
		at := uint32(position - h.first)
		after := sort.Search(len(h.times), func(i int) bool { return h.times[i].first > at })
		dst = append(dst, h.times[after-1].time)
	}
	return dst, nil
}

// PositionAt returns the position of the last event committed at a time or before, and reports
// whether there is one. The events of a group that is being added count as committed when the
// last one with a time was.
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
