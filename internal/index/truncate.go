package index

// Mark is a point to which a head block can be truncated.
type Mark struct {
	locations, entries int
	bytes              int
}

// Mark returns the current end of the block.
func (m *HeadBlock) Mark() Mark {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return Mark{locations: len(m.locations), entries: len(m.entries), bytes: m.bytes}
}

// Truncate removes the events that were added since the mark. Tracking is not removed.
//
// Readers may hold slices of the positions and locations that are removed. Truncate clips
// the slices of the block, so that what is added next is written to other memory.
func (m *HeadBlock) Truncate(to Mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// The newest entry of a hash is the first of its list, so entries are removed in the
	// reverse order.
	for i := len(m.entries) - 1; i >= to.entries; i-- {
		e := &m.entries[i]
		if e.same == 0 {
			delete(m.table, e.hash)
		} else {
			m.table[e.hash] = e.same
		}
	}
	clear(m.entries[to.entries:])
	m.entries = m.entries[:to.entries]
	for i := range m.entries {
		m.entries[i].truncate(uint32(to.locations))
	}
	m.locations = m.locations[:to.locations:to.locations]
	m.bytes = to.bytes
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
