package index

import (
	"encoding/binary"
	"slices"
	"sort"
)

// chunkPositions is the number of positions in a full chunk of a list. It is part of
// the format.
const chunkPositions = 128

// A list is the encoding of a term's positions, relative to the block's first and
// ascending. Up to 128 positions are one chunk: each is a uvarint, the difference to
// the position before it (for the first one, to 0). More positions are split into
// chunks of 128, which follow a table with 8 bytes, little-endian, for each chunk:
//
//	0 4  the chunk's first position
//	4 4  offset of the chunk from the end of the table
//
// Such a chunk contains the differences for all but its first position.

// appendList appends the encoding of positions.
func appendList(dst []byte, positions []uint32) []byte {
	if len(positions) <= chunkPositions {
		return appendDeltas(dst, 0, positions)
	}
	table := len(dst)
	chunks := (len(positions) + chunkPositions - 1) / chunkPositions
	dst = append(dst, make([]byte, 8*chunks)...)
	start := len(dst)
	i := 0
	for chunk := range slices.Chunk(positions, chunkPositions) {
		binary.LittleEndian.PutUint32(dst[table+8*i:], chunk[0])
		binary.LittleEndian.PutUint32(dst[table+8*i+4:], uint32(len(dst)-start))
		dst = appendDeltas(dst, chunk[0], chunk[1:])
		i++
	}
	return dst
}

func appendDeltas(dst []byte, last uint32, positions []uint32) []byte {
	for _, p := range positions {
		dst = binary.AppendUvarint(dst, uint64(p-last))
		last = p
	}
	return dst
}

func decodeDeltas(dst []uint32, data []byte, count int, last, base uint32) ([]uint32, bool) {
	for range count {
		delta, n := binary.Uvarint(data)
		if n <= 0 {
			return dst, false
		}
		data = data[n:]
		last += uint32(delta)
		dst = append(dst, last+base)
	}
	return dst, true
}

// countUvarints returns the number of uvarints in data.
func countUvarints(data []byte) int {
	n := 0
	for _, b := range data {
		if b < 0x80 {
			n++
		}
	}
	return n
}

// listReader reads the positions of terms from first to last. It bypasses the cache.
type listReader struct {
	table, chunks window
	positions     []uint32
}

// each calls f with the positions of the current term, each increased by base, one chunk at a
// time. They are valid until f returns.
func (r *listReader) each(t *Terms, base uint32, f func(positions []uint32) error) error {
	if t.Count <= chunkPositions {
		positions, ok := decodeDeltas(r.positions[:0], t.data(), t.Count, 0, base)
		if !ok {
			return malformedList(t)
		}
		r.positions = positions
		return f(positions)
	}
	tableBytes := 8 * uint64((t.Count+chunkPositions-1)/chunkPositions)
	if tableBytes > t.size {
		return malformedList(t)
	}
	r.table.reset(t.window.block, t.dataAt, t.dataAt+tableBytes)
	r.chunks.reset(t.window.block, r.table.end, t.dataAt+t.size)
	for at, left := t.dataAt, t.Count; left > 0; at, left = at+8, left-chunkPositions {
		first, data, err := r.chunk(t, at)
		if err != nil {
			return err
		}
		positions, ok := decodeDeltas(append(r.positions[:0], first+base), data, min(chunkPositions, left)-1, first, base)
		if !ok {
			return malformedList(t)
		}
		r.positions = positions
		if err := f(positions); err != nil {
			return err
		}
	}
	return nil
}

// chunk returns the first position of the chunk whose row in the table is at an offset in the
// terms, and the differences of the others.
func (r *listReader) chunk(t *Terms, row uint64) (first uint32, data []byte, err error) {
	b, err := r.table.from(row, 16)
	if err != nil {
		return 0, nil, err
	}
	size := r.chunks.end - r.table.end
	from, to := uint64(binary.LittleEndian.Uint32(b[4:])), size
	if len(b) >= 16 {
		to = uint64(binary.LittleEndian.Uint32(b[12:]))
	}
	if from > to || to > size || to-from > maxChunkBytes {
		return 0, nil, malformedList(t)
	}
	first = binary.LittleEndian.Uint32(b)
	data, err = r.chunks.from(r.table.end+from, to-from)
	if err != nil {
		return 0, nil, err
	}
	return first, data[:to-from], nil
}

// malformedList returns the error for the positions of a term.
func malformedList(t *Terms) error {
	return t.window.block.corruption(t.dataAt, "a list of positions is malformed")
}

// list is the Postings of a list on disk with more than one chunk. It reads only the
// chunks that Seek needs, and the table rows that a binary search needs.
type list struct {
	block     *Block
	first     uint64
	direction Direction
	table     uint64 // offset in the terms
	size      uint64 // of the whole list
	count     int
	chunks    int

	at    int // the loaded chunk, in the order of the iteration; -1 before the first
	chunk slicePostings
}

// Seek searches the loaded chunk first, then the next one, then all others after it.
func (l *list) Seek(key uint64) (uint64, bool, error) {
	for {
		if l.at >= 0 {
			if found, ok, err := l.chunk.Seek(key); ok || err != nil {
				return found, ok, err
			}
		}
		chunk, err := l.chunkFor(key)
		if err != nil || chunk == l.chunks {
			return 0, false, err
		}
		if err := l.load(chunk); err != nil {
			return 0, false, err
		}
	}
}

// Rank implements Ranked.
func (l *list) Rank(key uint64) (int, error) {
	_, ok, err := l.Seek(key)
	if err != nil || !ok {
		return l.count, err
	}
	before := l.at * chunkPositions // in the chunks before the loaded one
	if l.direction == Backwards {
		before = max(0, l.count-(l.chunks-l.at)*chunkPositions) // the first one may have fewer
	}
	return before + l.chunk.passed, nil
}

// chunkFor returns the first chunk after the loaded one that can contain key, or
// l.chunks if there is none. Chunks are numbered in the order of the iteration.
func (l *list) chunkFor(key uint64) (int, error) {
	next := l.at + 1
	if next+1 >= l.chunks {
		return min(next, l.chunks), nil
	}
	var failed error
	// A chunk can contain the key unless the chunk after it starts at or below the
	// key.
	canContain := func(i int) bool {
		if failed != nil || i == l.chunks-1 {
			return true
		}
		end, err := l.chunkEnd(i)
		if err != nil {
			failed = err
		}
		return end > key
	}
	if canContain(next) {
		return next, failed
	}
	found := next + sort.Search(l.chunks-next, func(i int) bool { return canContain(next + i) })
	return found, failed
}

// chunkEnd returns a key that is greater than all keys of the chunks up to i, and not
// greater than any key of the chunks after i, in the order of the iteration.
func (l *list) chunkEnd(i int) (uint64, error) {
	if l.direction == Forwards {
		first, _, err := l.row(i + 1)
		return l.first + uint64(first), err
	}
	first, _, err := l.row(l.chunks - 1 - i)
	return ^(l.first + uint64(first)) + 1, err
}

// row reads a row of the table: the first position and the offset of a chunk.
func (l *list) row(chunk int) (first, offset uint32, err error) {
	var b [8]byte
	if err := l.block.readTerms(b[:], l.table+8*uint64(chunk)); err != nil {
		return 0, 0, err
	}
	return binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint32(b[4:]), nil
}

// load decodes the i-th chunk of the iteration.
func (l *list) load(i int) error {
	chunk := i
	if l.direction == Backwards {
		chunk = l.chunks - 1 - i
	}
	first, from, err := l.row(chunk)
	if err != nil {
		return err
	}
	tableBytes := 8 * uint64(l.chunks)
	to := l.size - tableBytes
	if chunk+1 < l.chunks {
		_, end, err := l.row(chunk + 1)
		if err != nil {
			return err
		}
		to = uint64(end)
	}
	// A difference takes at most five bytes.
	if uint64(from) > to || to-uint64(from) > 5*chunkPositions {
		return l.block.corruption(l.table, "a list of positions is malformed")
	}
	data := make([]byte, to-uint64(from))
	if err := l.block.readTerms(data, l.table+tableBytes+uint64(from)); err != nil {
		return err
	}
	n := min(chunkPositions, l.count-chunk*chunkPositions)
	positions := append(l.chunk.positions[:0], first)
	positions, ok := decodeDeltas(positions, data, n-1, first, 0)
	if !ok {
		return l.block.corruption(l.table, "a list of positions is malformed")
	}
	l.at = i
	l.chunk = slicePostings{first: l.first, positions: positions, direction: l.direction}
	return nil
}
