package index

import "encoding/binary"

// An entry of the terms. They lie in the order of (hash, kind, text):
//
//	8 bytes  hash, little-endian
//	uvarint  length of the text
//	1 byte   kind
//	         text
//	uvarint  count: of the positions; 1 for a source
//	uvarint  length of the data
//	         data: the list of positions; for a source the upstream position, a uvarint
const (
	hashBytes = 8
	// entryBytesMin is what the shortest entry takes.
	entryBytesMin = hashBytes + 5
)

// found is where a term's data lies.
type found struct {
	count int
	at    uint64
	size  uint64
}

// find looks a term up. Where the filter says that the term is nowhere, no other
// page is read.
func (b *Block) find(term Term) (found, bool, error) {
	number, bucket := bucketOf(term.hash, b.directoryPages)
	page, err := b.page(1 + int64(number))
	if err != nil || !directoryPage(page).mayHave(term.hash) {
		return found{}, false, err
	}
	at, end := directoryPage(page).bucket(bucket)
	s := stream{block: b, at: at}
	for s.at < end && s.err == nil {
		if s.passSmaller(term.hash) {
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

// Postings gives the positions of a term, and how many there are.
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
	positions, sound := decodeDeltas(make([]uint32, 0, f.count), data, f.count, 0, 0)
	if !sound {
		return nil, 0, b.damaged(f.at, "a list of positions is malformed")
	}
	return &run{first: b.First, positions: positions, direction: direction}, f.count, nil
}

// Tracking gives the last position of a source, if the block has one. The term
// is of Hasher.Source.
func (b *Block) Tracking(source Term) (uint64, bool, error) {
	f, ok, err := b.find(source)
	if err != nil || !ok {
		return 0, false, err
	}
	data, err := b.data(f, nil)
	if err != nil {
		return 0, false, err
	}
	position, n := binary.Uvarint(data)
	if n <= 0 {
		return 0, false, b.damaged(f.at, "a tracking position is malformed")
	}
	return position, true, nil
}

// smallData is room for the data of most terms.
const smallData = 64

// data reads the data of a term that has one chunk at the most, into buffer if
// there is room.
func (b *Block) data(f found, buffer []byte) ([]byte, error) {
	if f.size > binary.MaxVarintLen64*chunkPositions {
		return nil, b.damaged(f.at, "a term's data is too long")
	}
	if f.size > uint64(cap(buffer)) {
		buffer = make([]byte, f.size)
	}
	buffer = buffer[:f.size]
	return buffer, b.readTerms(buffer, f.at)
}

// stream reads the terms from an offset on. After an error everything is zero.
type stream struct {
	block  *Block
	fetch  func(page int64) ([]byte, error) // nil for the block's own, by the cache
	at     uint64
	err    error
	page   []byte
	pageAt uint64 // offset in the terms of the page
}

// ahead gives the bytes from s.at to the end of their page.
func (s *stream) ahead() []byte {
	if s.err != nil {
		return nil
	}
	if s.at >= s.block.termBytes {
		s.err = s.block.damaged(s.at, "a term reaches past the end")
		return nil
	}
	if s.page == nil || s.at < s.pageAt || s.at >= s.pageAt+pagePayload {
		number := s.at / pagePayload
		page := s.block.termPage() + int64(number)
		if s.fetch == nil {
			s.page, s.err = s.block.page(page)
		} else {
			s.page, s.err = s.fetch(page)
		}
		s.pageAt = number * pagePayload
		if s.err != nil {
			return nil
		}
	}
	return s.page[s.at-s.pageAt : min(pagePayload, s.block.termBytes-s.pageAt)]
}

// passSmaller passes the entry ahead if its hash is smaller, and its numbers are
// small and lie in one page, as most do: find looks at many and wants one.
func (s *stream) passSmaller(hash uint64) bool {
	b := s.ahead()
	if len(b) < entryBytesMin || binary.LittleEndian.Uint64(b) >= hash || b[hashBytes] >= 0x80 {
		return false
	}
	numbers := hashBytes + 2 + int(b[hashBytes])
	if numbers+2 > len(b) || b[numbers] >= 0x80 || b[numbers+1] >= 0x80 {
		return false
	}
	s.skip(uint64(numbers) + 2 + uint64(b[numbers+1]))
	return true
}

// skip passes n bytes.
func (s *stream) skip(n uint64) {
	if s.err == nil && n > s.block.termBytes-s.at {
		s.err = s.block.damaged(s.at, "a term reaches past the end")
	}
	s.at += n
}

// numbers reads the last of an entry before its data: the count, and the length
// of the data, which then lies ahead.
func (s *stream) numbers(kind Kind) (count int, size uint64) {
	n, size := s.uvarint(), s.uvarint()
	most := s.block.Events
	if kind == kindSource {
		most = 1
	}
	if s.err == nil && (n < 1 || n > most || size > s.block.termBytes-s.at) {
		s.err = s.block.damaged(s.at, "a term has %d positions in %d bytes", n, size)
	}
	return int(n), size
}

func (s *stream) byte() byte {
	b := s.ahead()
	if len(b) == 0 {
		return 0
	}
	s.at++
	return b[0]
}

func (s *stream) uint64() (v uint64) {
	if b := s.ahead(); len(b) >= hashBytes {
		s.at += hashBytes
		return binary.LittleEndian.Uint64(b)
	}
	for i := range hashBytes {
		v |= uint64(s.byte()) << (8 * i)
	}
	return v
}

func (s *stream) uvarint() (v uint64) {
	if b := s.ahead(); len(b) > 0 && b[0] < 0x80 { // most are small
		s.at++
		return uint64(b[0])
	}
	for shift := 0; shift < 64 && s.err == nil; shift += 7 {
		b := s.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	if s.err == nil {
		s.err = s.block.damaged(s.at, "a number is malformed")
	}
	return 0
}

// equals compares the bytes ahead with a text, and passes them if they are equal.
func (s *stream) equals(text string) bool {
	start := s.at
	for len(text) > 0 {
		b := s.ahead()
		n := min(len(b), len(text))
		if n == 0 || string(b[:n]) != text[:n] {
			s.at = start
			return false
		}
		s.at += uint64(n)
		text = text[n:]
	}
	return true
}
