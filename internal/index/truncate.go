package index

// Mark is a point to which a head block can be truncated.
type Mark struct {
	locations, entries int
	bytes              int
}

// Mark returns the current end of the block.
func (h *HeadBlock) Mark() Mark {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return Mark{locations: len(h.locations), entries: len(h.entries), bytes: h.bytes}
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
