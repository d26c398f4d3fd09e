package index

import (
	"encoding/binary"
	"slices"
	"sort"
)

// chunkPositions is how many positions a chunk of a list has. The number is
// part of the format.
const chunkPositions = 128

// A list is a term's positions on disk, relative to the block's first, and
// ascending. Up to 128 positions are one chunk: each is a uvarint, the
// difference to the one before (the first: to 0). More are cut into chunks of
// 128, behind a table with 8 bytes, little-endian, for each:
//
//	0 4  the chunk's first position
//	4 4  offset of the chunk, counted from the table's end
//
// and the chunk then holds the differences for all but its first position.

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

// decodeList appends the count positions of a whole list, each raised by base.
func decodeList(dst []uint32, data []byte, count int, base uint32) ([]uint32, bool) {
	if count <= chunkPositions {
		return decodeDeltas(dst, data, count, 0, base)
	}
	chunks := (count + chunkPositions - 1) / chunkPositions
	if len(data) < 8*chunks {
		return dst, false
	}
	table, data := data[:8*chunks], data[8*chunks:]
	ok := true
	for i := 0; i < chunks && ok; i++ {
		from, to := chunkBounds(table, i, len(data))
		if from > to || to > len(data) {
			return dst, false
		}
		first := binary.LittleEndian.Uint32(table[8*i:])
		n := min(chunkPositions, count-i*chunkPositions)
		dst = append(dst, first+base)
		dst, ok = decodeDeltas(dst, data[from:to], n-1, first, base)
	}
	return dst, ok
}

// chunkBounds gives where the i-th chunk of a table begins and ends.
func chunkBounds(table []byte, i, end int) (from, to int) {
	from, to = int(binary.LittleEndian.Uint32(table[8*i+4:])), end
	if next := 8 * (i + 1); next < len(table) {
		to = int(binary.LittleEndian.Uint32(table[next+4:]))
	}
	return from, to
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

// list is postings on disk with more than one chunk. It reads the chunks that it
// is sought in, and of the table what a binary search touches.
type list struct {
	block     *Block
	first     uint64
	direction Direction
	table     uint64 // offset in the terms
	size      uint64 // of the whole list
	count     int
	chunks    int

	at  int // the chunk that run is of; -1 before the first
	run run
}

// Seek looks in the chunk that it stands in, then in the next, then anywhere.
func (l *list) Seek(key uint64) (uint64, bool, error) {
	for {
		if l.at >= 0 {
			if found, ok, err := l.run.Seek(key); ok || err != nil {
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

// chunkFor gives the number, in the order of the walk, of the first chunk after
// the one it stands in that can have key; l.chunks if there is none.
func (l *list) chunkFor(key uint64) (int, error) {
	next := l.at + 1
	if next+1 >= l.chunks {
		return min(next, l.chunks), nil
	}
	var failed error
	// A chunk can have the key unless the walk enters the one after it at or
	// below the key.
	beyond := func(i int) bool {
		if failed != nil || i == l.chunks-1 {
			return true
		}
		enters, err := l.entry(i)
		if err != nil {
			failed = err
		}
		return enters > key
	}
	if beyond(next) {
		return next, failed
	}
	found := next + sort.Search(l.chunks-next, func(i int) bool { return beyond(next + i) })
	return found, failed
}

// entry gives a key that every key of the chunks up to i lies below, and every
// key of those behind at or above, in the order of the walk.
func (l *list) entry(i int) (uint64, error) {
	if l.direction == Forwards {
		first, _, err := l.row(i + 1)
		return l.first + uint64(first), err
	}
	first, _, err := l.row(l.chunks - 1 - i)
	return ^(l.first + uint64(first)) + 1, err
}

// row reads a row of the table: a chunk's first position and offset.
func (l *list) row(chunk int) (first, offset uint32, err error) {
	var b [8]byte
	if err := l.block.readTerms(b[:], l.table+8*uint64(chunk)); err != nil {
		return 0, 0, err
	}
	return binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint32(b[4:]), nil
}

// load decodes the i-th chunk of the walk.
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
	// A difference takes five bytes at the most.
	if uint64(from) > to || to-uint64(from) > 5*chunkPositions {
		return l.block.damaged(l.table, "a list of positions is malformed")
	}
	data := make([]byte, to-uint64(from))
	if err := l.block.readTerms(data, l.table+tableBytes+uint64(from)); err != nil {
		return err
	}
	n := min(chunkPositions, l.count-chunk*chunkPositions)
	positions := append(l.run.positions[:0], first)
	positions, ok := decodeDeltas(positions, data, n-1, first, 0)
	if !ok {
		return l.block.damaged(l.table, "a list of positions is malformed")
	}
	l.at = i
	l.run = run{first: l.first, positions: positions, direction: l.direction}
	return nil
}
