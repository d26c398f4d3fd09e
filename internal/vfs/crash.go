package vfs

import (
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
)

// sectorBytes is the unit that a disk writes atomically.
const sectorBytes = 512

// sectorChoice decides which unsynced changes reach the disk before a power failure.
type sectorChoice struct{ *rand.Rand }

// keep reports whether one sector, or one change of length, survives.
func (c *sectorChoice) keep() bool { return c.IntN(2) == 0 }

// Crash returns the file system as it is after a power failure: everything synced,
// and a random part of the rest. Unsynced writes survive sector by sector, in any
// combination, and changes of length one by one. The changes of a directory survive
// up to some point in their order, as in a journaling file system.
func (m *Mem) Crash(chance *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	choice := &sectorChoice{chance}
	image := NewMem()
	image.volatile, image.starts = m.volatile, m.starts+1
	nodes := map[*memNode]*memNode{}
	for path, d := range sorted(m.dirs) {
		entries := maps.Clone(d.durable)
		for _, c := range d.pending[:chance.IntN(len(d.pending)+1)] {
			c.apply(entries)
		}
		after := &memDir{entries: map[string]*memNode{}, durable: map[string]*memNode{}, volatile: m.volatile}
		for name, node := range sorted(entries) {
			if nodes[node] == nil {
				nodes[node] = node.crash(choice)
			}
			after.entries[name], after.durable[name] = nodes[node], nodes[node]
		}
		image.dirs[path] = after
	}
	return image
}

// Kill returns the file system as it is after the process that uses it was killed: everything
// that was written is there, and durable. A volatile one loses its content.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	image := NewMem()
	image.volatile, image.starts = m.volatile, m.starts
	nodes := map[*memNode]*memNode{}
	for path, d := range m.dirs {
		after := &memDir{entries: map[string]*memNode{}, durable: map[string]*memNode{}, volatile: m.volatile}
		for name, node := range d.entries {
			if nodes[node] == nil {
				nodes[node] = &memNode{data: slices.Clone(node.data), durable: slices.Clone(node.data)}
			}
			after.entries[name], after.durable[name] = nodes[node], nodes[node]
		}
		image.dirs[path] = after
	}
	return image
}

func (n *memNode) crash(choice *sectorChoice) *memNode {
	data := append([]byte(nil), n.durable...)
	for _, c := range n.pending {
		data = c.apply(data, choice)
	}
	return &memNode{data: data, durable: append([]byte(nil), data...)}
}

// apply applies the change to data: all of it if choice is nil, else what choice
// keeps.
func (c fileChange) apply(data []byte, choice *sectorChoice) []byte {
	if c.bytes == nil {
		if choice != nil && !choice.keep() {
			return data
		}
		return resize(data, c.offset)
	}
	for from := 0; from < len(c.bytes); {
		at := c.offset + int64(from)
		n := min(len(c.bytes)-from, int(sectorBytes-at%sectorBytes))
		if choice == nil || choice.keep() {
			data = resize(data, max(int64(len(data)), at+int64(n)))
			copy(data[at:], c.bytes[from:from+n])
		}
		from += n
	}
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

// sorted iterates over a map in the order of its keys, so that the same seed produces
// the same crash.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
