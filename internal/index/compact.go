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
	cursors   []*Terms // of each block; nil at its end
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
	for i, block := range c.blocks {
		c.cursors = append(c.cursors, block.ReadTerms())
		if err := c.advance(i); err != nil {
			return err
		}
	}
	for {
		least := c.least()
		if least == nil {
			return nil
		}
		if err := c.compactTerm(*least); err != nil {
			return err
		}
	}
}

// advance moves the i-th cursor to its next term.
func (c *compaction) advance(i int) error {
	more, err := c.cursors[i].Next()
	if !more {
		c.cursors[i] = nil
	}
	return err
}

// least returns the least current term of the blocks, or nil at their end.
func (c *compaction) least() *Term {
	var least *Term
	for _, t := range c.cursors {
		if t != nil && (least == nil || compareTerms(t.Term, *least) < 0) {
			least = &t.Term
		}
	}
	return least
}

// compactTerm writes a term with its data from all blocks that have it: its positions
// in block order, or the last position of a source.
func (c *compaction) compactTerm(term Term) (err error) {
	c.positions = c.positions[:0]
	for i, t := range c.cursors {
		if t == nil || compareTerms(t.Term, term) != 0 {
			continue
		}
		if term.Kind == kindSource {
			c.data = append(c.data[:0], t.data...)
		} else {
			base := uint32(c.blocks[i].First - c.w.header.First)
			if c.positions, err = t.Positions(c.positions, base); err != nil {
				return err
			}
		}
		if err := c.advance(i); err != nil {
			return err
		}
	}
	if term.Kind == kindSource {
		return c.w.addTerm(term, 1, c.data)
	}
	c.data = appendList(c.data[:0], c.positions)
	return c.w.addTerm(term, len(c.positions), c.data)
}
