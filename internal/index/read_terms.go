package index

import (
	"encoding/binary"
	"strings"
	"unsafe"
)

// readPages is the number of pages that a sequential reader reads at a time.
const readPages = 32

// window reads the terms of a block at ascending offsets, many pages at a time. It bypasses
// the cache.
type window struct {
	block *Block
	end   uint64 // of what is read
	at    uint64 // offset in the terms of bytes
	bytes []byte // payloads of pages; the last one is complete unless it contains end
	ahead int64  // number of pages to read next, which doubles up to readPages; 0 for readPages
}

// reset prepares a window for the terms from an offset to an end. It keeps the buffer.
func (w *window) reset(block *Block, at, end uint64) {
	*w = window{block: block, end: end, at: at - at%pagePayload, bytes: w.bytes[:0]}
}

// from returns the bytes that start at an offset: at least n, or all if there are fewer. They
// are valid until the next call.
func (w *window) from(at, n uint64) ([]byte, error) {
	n = min(n, w.end-at)
	if at < w.at || at+n > w.at+uint64(len(w.bytes)) {
		if err := w.load(at, n); err != nil {
			return nil, err
		}
	}
	return w.bytes[at-w.at:], nil
}

// load reads pages until the window contains n bytes from an offset on.
func (w *window) load(at, n uint64) error {
	if at < w.at || at > w.at+uint64(len(w.bytes)) {
		w.at, w.bytes = at-at%pagePayload, w.bytes[:0]
	} else {
		kept := copy(w.bytes, w.bytes[at-w.at:])
		w.at, w.bytes = at, w.bytes[:kept]
	}
	for at+n > w.at+uint64(len(w.bytes)) {
		if err := w.readMore(); err != nil {
			return err
		}
	}
	return nil
}

// readMore appends the next pages.
func (w *window) readMore() error {
	next := w.at + uint64(len(w.bytes)) // the start of a page
	page := int64(next / pagePayload)
	ahead := int64(readPages)
	if w.ahead > 0 {
		ahead, w.ahead = w.ahead, min(2*w.ahead, readPages)
	}
	n := int(min(ahead, pagesFor(w.end)-page))
	start := len(w.bytes)
	w.bytes = extend(w.bytes, n*pageBytes)
	pages := w.bytes[start:]
	if err := w.block.readPages(pages, w.block.termPage()+page); err != nil {
		w.bytes = w.bytes[:start]
		return err
	}
	for i := range n {
		copy(pages[i*pagePayload:(i+1)*pagePayload], pages[i*pageBytes:])
	}
	w.bytes = w.bytes[:min(start+n*pagePayload, int(w.end-w.at))]
	return nil
}

// extend extends b by n bytes with arbitrary content.
func extend(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, len(b)+n), b...)
	}
	return b[:len(b)+n]
}

// Terms iterates over the terms of a block in their order. It bypasses the cache.
type Terms struct {
	window window

	Term
	// Count is the number of positions; 1 for a source.
	Count int

	entry   []byte // without the data if that has more than one chunk
	numbers int    // offset in the entry of the number of positions
	sizeAt  int    // offset in the entry of the size of the data
	dataAt  uint64 // offset in the terms
	size    uint64 // of the data
}

// ReadTerms returns an iterator over the terms, before the first.
func (b *Block) ReadTerms() *Terms {
	t := new(Terms)
	t.window.reset(b, 0, b.termBytes)
	return t
}

// readTermsFrom returns an iterator that starts at a term, or at one of the terms shortly before it.
// It first reads little, because the caller may not read far.
func (b *Block) readTermsFrom(term Term) (*Terms, error) {
	number, bucket := bucketOf(term.hash, b.directoryPages)
	s := newScratch()
	defer s.free()
	page, err := b.pageOfScan(1+int64(number), s)
	if err != nil {
		return nil, err
	}
	at, _ := directoryPage(page).bucket(bucket)
	if at > b.termBytes {
		return nil, b.corruption(0, "a bucket of the directory starts after the last term")
	}
	t := &Terms{dataAt: at}
	t.window.reset(b, at, b.termBytes)
	t.window.ahead = 1
	return t, nil
}

// Next moves to the next term, and reports whether there is one.
func (t *Terms) Next() (bool, error) {
	more, err := t.nextEntry()
	t.Text = strings.Clone(t.Text)
	return more, err
}

// nextEntry is Next, but the text is valid only until the next call.
func (t *Terms) nextEntry() (bool, error) {
	at := t.dataAt + t.size
	if at >= t.window.end {
		return false, nil
	}
	textAt, err := t.readHash(at)
	if err == nil {
		err = t.readNumbers(at)
	}
	if err == nil {
		err = t.readData(at)
	}
	if err != nil {
		return false, err
	}
	t.Text = unsafe.String(&t.entry[textAt], t.numbers-textAt)
	return true, nil
}

// readHash reads an entry up to its text, and returns the offset of the text in the entry.
func (t *Terms) readHash(at uint64) (int, error) {
	b, err := t.window.from(at, hashBytes+binary.MaxVarintLen64+1)
	if err != nil {
		return 0, err
	}
	if len(b) < entryBytesMin {
		return 0, t.corruption("a term extends past the end")
	}
	size, n := binary.Uvarint(b[hashBytes:])
	if n < 0 {
		return 0, t.corruption("a number is malformed")
	}
	textAt := hashBytes + n + 1
	if n == 0 || uint64(textAt) > t.window.end-at || size > t.window.end-at-uint64(textAt) {
		return 0, t.corruption("a term extends past the end")
	}
	t.hash, t.Kind = binary.LittleEndian.Uint64(b), Kind(b[textAt-1])
	t.numbers = textAt + int(size)
	return textAt, nil
}

// readNumbers reads the number of positions and the size of the data.
func (t *Terms) readNumbers(at uint64) error {
	b, err := t.window.from(at, uint64(t.numbers)+2*binary.MaxVarintLen64)
	if err != nil {
		return err
	}
	count, n := binary.Uvarint(b[t.numbers:])
	size, m := uint64(0), 0
	if n > 0 {
		t.sizeAt = t.numbers + n
		size, m = binary.Uvarint(b[t.sizeAt:])
	}
	switch {
	case n < 0 || m < 0:
		return t.corruption("a number is malformed")
	case n == 0 || m == 0:
		return t.corruption("a term extends past the end")
	}
	t.dataAt = at + uint64(t.sizeAt+m)
	t.Count, t.size = int(count), size
	return t.window.block.checkNumbers(t.Kind, count, size, t.dataAt)
}

// readData reads the rest of the entry that starts at an offset, unless its data has more than
// one chunk.
func (t *Terms) readData(at uint64) (err error) {
	length := t.dataAt - at
	if t.Count <= chunkPositions {
		if t.size > maxChunkBytes {
			return t.corruption("the data of a term is too long")
		}
		length += t.size
	}
	if t.entry, err = t.window.from(at, length); err != nil {
		return err
	}
	t.entry = t.entry[:length]
	return nil
}

// data returns the data of a term with at most one chunk.
func (t *Terms) data() []byte { return t.entry[uint64(len(t.entry))-t.size:] }

// position returns the last position of the current term, which must be a source.
func (t *Terms) position() (uint64, error) {
	return t.window.block.decodePosition(t.data(), t.dataAt)
}

// corruption returns the error for a malformed entry.
func (t *Terms) corruption(what string) error {
	return t.window.block.corruption(t.dataAt, "%s", what)
}
