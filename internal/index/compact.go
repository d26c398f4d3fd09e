package index

import (
	"encoding/binary"
	"fmt"
)

// Compact writes one block that covers the span of adjacent blocks, which must be in
// order.
func (b *Builder) Compact(blocks []*Block) (*Block, error) {
	span, times, maxTerms := blocks[len(blocks)-1].Span, 0, 0
	span.FirstGroup, span.First, span.Events = blocks[0].FirstGroup, blocks[0].First, 0
	level := uint32(0)
	for i, block := range blocks {
		if i > 0 && block.FirstGroup != blocks[i-1].LastGroup+1 {
			return nil, fmt.Errorf("%s does not follow %s", block.Name, blocks[i-1].Name)
		}
		span.Events += block.Events
		times += int(block.timeRows)
		maxTerms += int(block.terms)
		level = max(level, block.level+1)
	}
	w, err := b.begin(span, level, times, maxTerms)
	if err != nil {
		return nil, err
	}
	c := compaction{blocks: blocks, w: w}
	err = c.locations()
	if err == nil {
		err = c.times()
	}
	if err == nil {
		err = c.terms()
	}
	return b.end(w, err)
}

type compaction struct {
	blocks []*Block
	w      *writer
	lists  listReader

	window      []byte   // buffer of eachPage
	positions   []uint32 // buffers
	data, entry []byte
}

// locations copies the locations of all blocks.
func (c *compaction) locations() error {
	for _, block := range c.blocks {
		pages := rowPages{block, 1 + int64(block.directoryPages), locationBytes, int(block.Events)}
		if err := c.eachPage(pages, c.w.locations.Write); err != nil {
			return err
		}
	}
	return nil
}

// times copies the times of all blocks, with positions relative to the compacted block.
func (c *compaction) times() error {
	for _, block := range c.blocks {
		base, row := uint32(block.First-c.w.header.First), int64(0)
		var before groupTime
		err := c.eachPage(rowPages{block, block.timePage(), timeBytes, int(block.timeRows)}, func(rows []byte) error {
			for ; len(rows) > 0; rows = rows[timeBytes:] {
				t := decodeTime(rows)
				if uint64(t.first) >= block.Events || row == 0 && t.first > 0 || row > 0 && (t.first <= before.first || t.time < before.time) {
					return block.timeCorruption(row)
				}
				before = t
				row++
				if err := c.w.addTime(groupTime{base + t.first, t.time}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rowPages are consecutive pages of a block that contain rows of one size.
type rowPages struct {
	block *Block
	page  int64 // the number of the first
	size  int   // of a row; it divides pagePayload
	rows  int
}

// eachPage calls f with the rows of each page. They are valid until f returns.
func (c *compaction) eachPage(p rowPages, f func(rows []byte) error) error {
	perPage := pagePayload / p.size
	if c.window == nil {
		c.window = make([]byte, readPages*pageBytes)
	}
	for left := p.rows; left > 0; {
		n := min(readPages, (left+perPage-1)/perPage)
		if err := p.block.readPages(c.window[:n*pageBytes], p.page); err != nil {
			return err
		}
		p.page += int64(n)
		for i := range n {
			rows := min(left, perPage)
			left -= rows
			if err := f(c.window[i*pageBytes:][:rows*p.size]); err != nil {
				return err
			}
		}
	}
	return nil
}

// terms merges the terms of all blocks.
func (c *compaction) terms() error {
	var cursors []*termCursor
	for _, block := range c.blocks {
		cursors = append(cursors, &termCursor{file: block.ReadTerms()})
	}
	for m := newTermMerge(cursors); ; {
		current, err := m.next()
		if err == nil && len(current) > 0 {
			err = c.compactTerm(current)
		}
		if err != nil || len(current) == 0 {
			return err
		}
	}
}

// compactTerm writes a term with its data from all blocks that have it: its positions
// in block order, or the last position of a source.
func (c *compaction) compactTerm(from []*termCursor) error {
	newest := from[len(from)-1]
	if newest.Kind == kindSource {
		return c.w.addEntry(newest.hash, newest.file.entry)
	}
	count := 0
	for _, cursor := range from {
		count += cursor.file.Count
	}
	switch {
	case count > chunkPositions:
		return c.compactList(from, count)
	case len(from) == 1:
		return c.moveTerm(newest)
	}
	c.positions = c.positions[:0]
	err := c.eachChunk(from, func(positions []uint32) error {
		c.positions = append(c.positions, positions...)
		return nil
	})
	if err != nil {
		return err
	}
	c.data = appendDeltas(c.data[:0], 0, c.positions)
	return c.w.addTerm(newest.Term, count, c.data)
}

// moveTerm writes a term that one block has, with a single chunk. Only the first of its
// differences changes.
func (c *compaction) moveTerm(cursor *termCursor) error {
	terms := cursor.file
	data := terms.data()
	first, n := binary.Uvarint(data)
	if n <= 0 || countUvarints(data) != terms.Count {
		return malformedList(terms)
	}
	c.data = binary.AppendUvarint(c.data[:0], first+uint64(c.base(cursor)))
	c.data = append(c.data, data[n:]...)
	c.entry = append(c.entry[:0], terms.entry[:terms.sizeAt]...)
	c.entry = binary.AppendUvarint(c.entry, uint64(len(c.data)))
	c.entry = append(c.entry, c.data...)
	return c.w.addEntry(terms.hash, c.entry)
}

// base returns what to add to the positions of a block.
func (c *compaction) base(cursor *termCursor) uint32 {
	return uint32(c.blocks[cursor.block].First - c.w.header.First)
}

// compactList writes a term with more than one chunk. It reads the positions twice, because
// the table comes first, so that it does not need memory for all of them.
func (c *compaction) compactList(from []*termCursor, count int) error {
	c.data = c.data[:0] // the table
	chunks := uint32(0) // bytes
	err := c.rechunk(from, func(first uint32, chunk []byte) error {
		c.data = binary.LittleEndian.AppendUint32(c.data, first)
		c.data = binary.LittleEndian.AppendUint32(c.data, chunks)
		chunks += uint32(len(chunk))
		return nil
	})
	if err != nil {
		return err
	}
	size := len(c.data) + int(chunks)
	c.entry = appendEntry(c.entry[:0], from[0].Term, count, size)
	if err := c.w.beginEntry(from[0].hash, len(c.entry)+size); err != nil {
		return err
	}
	c.entry = append(c.entry, c.data...)
	if err := c.w.terms.Write(c.entry); err != nil {
		return err
	}
	return c.rechunk(from, func(_ uint32, chunk []byte) error { return c.w.terms.Write(chunk) })
}

// rechunk calls f with each chunk of the positions in all blocks: its first position, and the
// encoded differences.
func (c *compaction) rechunk(from []*termCursor, f func(first uint32, chunk []byte) error) error {
	var encoded []byte
	end := func(chunk []uint32) error {
		encoded = appendDeltas(encoded[:0], chunk[0], chunk[1:])
		return f(chunk[0], encoded)
	}
	c.positions = c.positions[:0] // of the current chunk
	err := c.eachChunk(from, func(positions []uint32) error {
		for len(positions) > 0 {
			if len(c.positions) == chunkPositions {
				if err := end(c.positions); err != nil {
					return err
				}
				c.positions = c.positions[:0]
			}
			n := min(chunkPositions-len(c.positions), len(positions))
			c.positions = append(c.positions, positions[:n]...)
			positions = positions[n:]
		}
		return nil
	})
	if err != nil {
		return err
	}
	return end(c.positions)
}

// eachChunk calls f with the positions of a term, a chunk of a block at a time. They are
// relative to the compacted block, and valid until f returns.
func (c *compaction) eachChunk(from []*termCursor, f func(positions []uint32) error) error {
	for _, cursor := range from {
		if err := c.lists.each(cursor.file, c.base(cursor), f); err != nil {
			return err
		}
	}
	return nil
}
