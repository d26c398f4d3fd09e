package index

import "encoding/binary"

// found is the count and the data of a term: its offset in the terms and its size.
type found struct {
	count int
	at    uint64
	size  uint64
}

// find looks up a term. If the filter excludes the term, no other page is read.
func (b *Block) find(term Term) (found, bool, error) {
	number, bucket := bucketOf(term.hash, b.directoryPages)
	page, err := b.page(1 + int64(number))
	if err != nil || !directoryPage(page).mayHave(term.hash) {
		return found{}, false, err
	}
	at, end := directoryPage(page).bucket(bucket)
	s := stream{block: b, at: at}
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
			return found{count: count, at: s.at, size: size}, true, nil
		}
		s.skip(size)
		if hash > term.hash {
			break
		}
	}
	return found{}, false, s.err
}

// Postings returns the positions of a term, and their number.
func (b *Block) Postings(term Term, direction Direction) (Postings, int, error) {
	f, ok, err := b.find(term)
	if err != nil || !ok {
		return Empty{}, 0, err
	}
	if f.count > chunkPositions {
		chunks := (f.count + chunkPositions - 1) / chunkPositions
		return &list{block: b, first: b.First, direction: direction, table: f.at, size: f.size, count: f.count, chunks: chunks, at: -1}, f.count, nil
	}
	var buffer [smallData]byte
	data, err := b.data(f, buffer[:0])
	if err != nil {
		return nil, 0, err
	}
	positions, valid := decodeDeltas(make([]uint32, 0, f.count), data, f.count, 0, 0)
	if !valid {
		return nil, 0, b.corruption(f.at, "a list of positions is malformed")
	}
	return &slicePostings{first: b.First, positions: positions, direction: direction}, f.count, nil
}

// Tracking returns the last position of a source, and reports whether the block has
// one. The term must be made by Hasher.Source.
func (b *Block) Tracking(source Term) (uint64, bool, error) {
	f, ok, err := b.find(source)
	if err != nil || !ok {
		return 0, false, err
	}
	data, err := b.data(f, nil)
	if err != nil {
		return 0, false, err
	}
	position, err := b.decodePosition(data, f.at)
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

const (
	// smallData is a size that the data of most terms does not exceed.
	smallData = 64
	// maxChunkBytes bounds the size of the data of a term with at most one chunk.
	maxChunkBytes = binary.MaxVarintLen64 * chunkPositions
)

// data reads the data of a term with at most one chunk, into buffer if it is large
// enough.
func (b *Block) data(f found, buffer []byte) ([]byte, error) {
	if f.size > maxChunkBytes {
		return nil, b.corruption(f.at, "the data of a term is too long")
	}
	if f.size > uint64(cap(buffer)) {
		buffer = make([]byte, f.size)
	}
	buffer = buffer[:f.size]
	return buffer, b.readTerms(buffer, f.at)
}
