package index

import "encoding/binary"

// found is what a block has for a term.
type found struct {
	count int
	at    uint64 // offset in the terms of the data
	size  uint64 // of the data
	data  []byte // of at most one chunk; nil for more
}

// find looks up a term. If the filter excludes the term, no other page is read. The data may
// be in buffer.
func (b *Block) find(term Term, buffer []byte) (found, bool, error) {
	number, bucket := bucketOf(term.hash, b.directoryPages)
	page, cached := b.cachedPage(1 + int64(number))
	if cached && !directoryPage(page).mayHave(term.hash) {
		return found{}, false, nil
	}
	if f, ok, known := b.cachedResult(term); known {
		return f, ok, nil
	}
	s := newScratch()
	defer s.free()
	if !cached {
		var err error
		if page, err = b.page(1+int64(number), s); err != nil {
			return found{}, false, err
		}
		if !directoryPage(page).mayHave(term.hash) {
			b.cacheResult(term, nil, s)
			return found{}, false, nil
		}
	}
	at, end := directoryPage(page).bucket(bucket)
	f, ok, err := b.findBetween(term, &stream{block: b, scratch: s, at: at}, end, buffer)
	if ok && err == nil {
		b.cacheResult(term, &f, s)
	}
	return f, ok, err
}

// findBetween looks up a term in the entries up to an end.
func (b *Block) findBetween(term Term, s *stream, end uint64, buffer []byte) (found, bool, error) {
	for s.at < end && s.err == nil {
		if s.skipSmaller(term.hash) {
			continue
		}
		hash := s.uint64()
		size := s.uvarint()
		kind := Kind(s.byte())
		same := hash == term.hash && kind == term.Kind && size == uint64(len(term.Text)) && s.equals(term.Text)
		if !same {
			s.skip(size)
		}
		count, size := s.numbers(kind)
		if same && s.err == nil {
			f := found{count: count, at: s.at, size: size}
			f.data, s.err = s.chunk(f, buffer)
			return f, s.err == nil, s.err
		}
		s.skip(size)
		if hash > term.hash {
			break
		}
	}
	return found{}, false, s.err
}

// maxChunkBytes bounds the size of the data of a term with at most one chunk.
const maxChunkBytes = binary.MaxVarintLen64 * chunkPositions

// chunk reads data of at most one chunk, most of which is on the page of the entry.
func (s *stream) chunk(f found, buffer []byte) ([]byte, error) {
	if f.count > chunkPositions {
		return nil, nil
	}
	if f.size > maxChunkBytes {
		return nil, s.block.corruption(f.at, "the data of a term is too long")
	}
	return s.bytes(buffer, f.size), s.err
}

// Postings returns the positions of a term, and their number.
func (b *Block) Postings(term Term, direction Direction) (Ranked, int, error) {
	var buffer [64]byte // enough for most terms
	f, ok, err := b.find(term, buffer[:0])
	if err != nil || !ok {
		return Empty{}, 0, err
	}
	if f.count > chunkPositions {
		chunks := (f.count + chunkPositions - 1) / chunkPositions
		return &list{block: b, first: b.First, direction: direction, table: f.at, size: f.size, count: f.count, chunks: chunks, at: -1}, f.count, nil
	}
	positions, valid := decodeDeltas(make([]uint32, 0, f.count), f.data, f.count, 0, 0)
	if !valid {
		return nil, 0, b.corruption(f.at, "a list of positions is malformed")
	}
	return &slicePostings{first: b.First, positions: positions, direction: direction}, f.count, nil
}

// Tracking returns the last position of a source, and reports whether the block has
// one. The term must be made by Hasher.Source.
func (b *Block) Tracking(source Term) (uint64, bool, error) {
	f, ok, err := b.find(source, nil)
	if err != nil || !ok {
		return 0, false, err
	}
	position, err := b.decodePosition(f.data, f.at)
	return position, err == nil, err
}

// decodePosition decodes the data of a source at an offset in the terms.
func (b *Block) decodePosition(data []byte, at uint64) (uint64, error) {
	position, n := binary.Uvarint(data)
	if n <= 0 {
		return 0, b.corruption(at, "a tracking position is malformed")
	}
	return position, nil
}
