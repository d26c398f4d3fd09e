package index

import "fmt"

// readPages is how many pages a sequential reader takes at a time.
const readPages = 64

// Terms reads the terms of a block in their order, past the cache.
type Terms struct {
	stream stream
	end    uint64
	window []byte
	first  int64 // page in window
	pages  int64

	Term
	// Count is the number of positions.
	Count int
	data  []byte
}

// ReadTerms begins to read the terms in their order.
func (b *Block) ReadTerms() *Terms {
	t := &Terms{end: b.termBytes, pages: b.pages()}
	t.stream = stream{block: b, fetch: t.page}
	return t
}

// page gives a page's payload from a window that moves forward.
func (t *Terms) page(number int64) ([]byte, error) {
	if number < t.first || number >= t.first+int64(len(t.window)/pageBytes) {
		n := min(readPages, t.pages-number)
		if int64(cap(t.window)) < n*pageBytes {
			t.window = make([]byte, n*pageBytes)
		}
		t.window, t.first = t.window[:n*pageBytes], number
		if err := t.stream.block.readPages(t.window, number); err != nil {
			t.window = t.window[:0]
			return nil, err
		}
	}
	at := (number - t.first) * pageBytes
	return t.window[at : at+pagePayload], nil
}

// Next moves to the next term, and tells whether there is one.
func (t *Terms) Next() (bool, error) {
	size, more := t.head()
	if more {
		t.data = t.stream.bytes(t.data[:0], size)
	}
	return more && t.stream.err == nil, t.stream.err
}

// head reads the next term up to its data, which is of some size and lies ahead.
// It tells whether there is one.
func (t *Terms) head() (size uint64, more bool) {
	s := &t.stream
	if s.at >= t.end {
		return 0, false
	}
	t.hash = s.uint64()
	size = s.uvarint()
	t.Kind = Kind(s.byte())
	t.Text = string(s.bytes(nil, size))
	t.Count, size = s.numbers(t.Kind)
	return size, s.err == nil
}

// Positions appends the term's positions, relative to the block's first, each
// raised by base.
func (t *Terms) Positions(dst []uint32, base uint32) ([]uint32, error) {
	dst, ok := decodeList(dst, t.data, t.Count, base)
	if !ok {
		return dst, t.stream.block.damaged(t.stream.at, "a list of positions is malformed")
	}
	return dst, nil
}

// bytes appends n bytes.
func (s *stream) bytes(dst []byte, n uint64) []byte {
	for n > 0 {
		b := s.ahead()
		if len(b) == 0 {
			return dst
		}
		take := min(n, uint64(len(b)))
		dst = append(dst, b[:take]...)
		s.at += take
		n -= take
	}
	return dst
}

// Compact writes one block that covers what adjacent blocks, in order, cover.
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
	j := joiner{blocks: blocks, w: w}
	err = j.locations()
	if err == nil {
		err = j.terms()
	}
	return b.end(w, err)
}

type joiner struct {
	blocks    []*Block
	w         *writer
	at        []*Terms // where each block stands; nil at its end
	positions []uint32
	data      []byte
}

func (j *joiner) locations() error {
	const perPage = pagePayload / locationBytes
	window := make([]byte, readPages*pageBytes)
	for _, block := range j.blocks {
		left := int(block.Events)
		for page := int64(0); page < int64(block.locationPages); page += readPages {
			n := min(readPages, int64(block.locationPages)-page)
			if err := block.readPages(window[:n*pageBytes], 1+int64(block.directoryPages)+page); err != nil {
				return err
			}
			for i := range n {
				payload := window[i*pageBytes:][:min(left, perPage)*locationBytes]
				left -= len(payload) / locationBytes
				if err := j.w.locations.Write(payload); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (j *joiner) terms() error {
	for i, block := range j.blocks {
		j.at = append(j.at, block.ReadTerms())
		if err := j.advance(i); err != nil {
			return err
		}
	}
	for {
		least := j.least()
		if least == nil {
			return nil
		}
		if err := j.joinTerm(*least); err != nil {
			return err
		}
	}
}

func (j *joiner) advance(i int) error {
	more, err := j.at[i].Next()
	if !more {
		j.at[i] = nil
	}
	return err
}

func (j *joiner) least() *Term {
	var least *Term
	for _, t := range j.at {
		if t != nil && (least == nil || compareTerms(t.Term, *least) < 0) {
			least = &t.Term
		}
	}
	return least
}

// joinTerm writes what the blocks that stand at a term have of it, in order: all
// positions, or of a source the last value.
func (j *joiner) joinTerm(term Term) (err error) {
	j.positions = j.positions[:0]
	for i, t := range j.at {
		if t == nil || compareTerms(t.Term, term) != 0 {
			continue
		}
		if term.Kind == kindSource {
			j.data = append(j.data[:0], t.data...)
		} else {
			base := uint32(j.blocks[i].First - j.w.header.First)
			if j.positions, err = t.Positions(j.positions, base); err != nil {
				return err
			}
		}
		if err := j.advance(i); err != nil {
			return err
		}
	}
	if term.Kind == kindSource {
		return j.w.addTerm(term, 1, j.data)
	}
	j.data = appendList(j.data[:0], j.positions)
	return j.w.addTerm(term, len(j.positions), j.data)
}
