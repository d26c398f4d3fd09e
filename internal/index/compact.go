package index

import "fmt"

// Compact writes one block that covers the span of adjacent blocks, which must be in
// order.
func (b *Builder) Compact(blocks []*Block) (*Block, error) {
	span, maxTerms := blocks[len(blocks)-1].Span, 0
	span.FirstGroup, span.First, span.Events = blocks[0].FirstGroup, blocks[0].First, 0
	level := uint32(0)
	for i, block := range blocks {
		if i > 0 && block.FirstGroup != blocks[i-1].LastGroup+1 {
			return nil, fmt.Errorf("%s does not follow %s", block.Name, blocks[i-1].Name)
		}
		span.Events += block.Events
		maxTerms += int(block.terms)
		level = max(level, block.level+1)
	}
	w, err := b.begin(span, level, maxTerms)
	if err != nil {
		return nil, err
	}
	c := compaction{blocks: blocks, w: w}
	err = c.locations()
	if err == nil {
		err = c.terms()
	}
	return b.end(w, err)
}

type compaction struct {
	blocks    []*Block
	w         *writer
	positions []uint32
	data      []byte
}

// locations copies the locations of all blocks.
func (c *compaction) locations() error {
	const perPage = pagePayload / locationBytes
	window := make([]byte, readPages*pageBytes)
	for _, block := range c.blocks {
		left := int(block.Events)
		for page := int64(0); page < int64(block.locationPages); page += readPages {
			n := min(readPages, int64(block.locationPages)-page)
			if err := block.readPages(window[:n*pageBytes], 1+int64(block.directoryPages)+page); err != nil {
				return err
			}
			for i := range n {
				payload := window[i*pageBytes:][:min(left, perPage)*locationBytes]
				left -= len(payload) / locationBytes
				if err := c.w.locations.Write(payload); err != nil {
					return err
				}
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
	for current, err := range mergeTerms(cursors) {
		if err == nil {
			err = c.compactTerm(current)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compactTerm writes a term with its data from all blocks that have it: its positions
// in block order, or the last position of a source.
func (c *compaction) compactTerm(blocks []*termCursor) (err error) {
	newest := blocks[len(blocks)-1]
	if newest.Kind == kindSource {
		if err := newest.file.readData(); err != nil {
			return err
		}
		return c.w.addTerm(newest.Term, 1, newest.file.data)
	}
	c.positions = c.positions[:0]
	for _, b := range blocks {
		base := uint32(c.blocks[b.block].First - c.w.header.First)
		if c.positions, err = b.file.Positions(c.positions, base); err != nil {
			return err
		}
	}
	c.data = appendList(c.data[:0], c.positions)
	return c.w.addTerm(newest.Term, len(c.positions), c.data)
}
