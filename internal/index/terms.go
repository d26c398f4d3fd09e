package index

import (
	"cmp"
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// Kinds of term, as on disk.
const (
	KindType   Kind = 1 // an event type
	KindTag    Kind = 2 // a tag
	kindSource Kind = 3 // a tracking source; its value is a position upstream
)

// Kind is the kind of a term.
type Kind uint8

// Term is a lookup key of the index: a text of a kind. The hash only orders and finds
// terms; two terms are equal if kind and text are.
type Term struct {
	hash uint64
	Kind Kind
	Text string
}

// Hasher makes terms. Its seed differs from store to store, so that a client cannot
// choose texts with colliding hashes.
type Hasher uint64

// NewHasher returns the hasher of a store.
func NewHasher(store [16]byte) Hasher { return Hasher(xxh3.Hash(store[:])) }

// Term returns the term of a text.
func (h Hasher) Term(kind Kind, text string) Term {
	return Term{hash: xxh3.HashStringSeed(text, uint64(h)+uint64(kind)), Kind: kind, Text: text}
}

// Source returns the term of a tracking source.
func (h Hasher) Source(name string) Term { return h.Term(kindSource, name) }

// Hash returns the hash of the term. Different terms may have the same hash.
func (t *Term) Hash() uint64 { return t.hash }

// IsSource reports whether the term is a tracking source.
func (t *Term) IsSource() bool { return t.Kind == kindSource }

// compareTerms compares terms by their order in a block.
func compareTerms(a, b Term) int {
	if a.hash != b.hash { // as most do
		return cmp.Compare(a.hash, b.hash)
	}
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
}

// An entry of the terms. The entries are sorted by (hash, kind, text):
//
//	8 bytes  hash, little-endian
//	uvarint  length of the text
//	1 byte   kind
//	         text
//	uvarint  number of positions; 1 for a source
//	uvarint  length of the data
//	         data: the list of positions; for a source, the upstream position as a uvarint
const (
	hashBytes = 8
	// entryBytesMin is the size of the shortest entry.
	entryBytesMin = hashBytes + 5
)

// appendEntry appends an entry up to its data, which has the given size.
func appendEntry(dst []byte, term Term, count, size int) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, term.hash)
	dst = binary.AppendUvarint(dst, uint64(len(term.Text)))
	dst = append(append(dst, byte(term.Kind)), term.Text...)
	dst = binary.AppendUvarint(dst, uint64(count))
	return binary.AppendUvarint(dst, uint64(size))
}

// stream reads the terms from an offset on. After an error, all its methods return
// zero values.
type stream struct {
	block   *Block
	scratch *scratch
	at      uint64
	err     error
	page    []byte
	pageAt  uint64 // offset in the terms of the page
}

// ahead returns the bytes from s.at to the end of their page.
func (s *stream) ahead() []byte {
	if s.err != nil {
		return nil
	}
	if s.at >= s.block.termBytes {
		s.err = s.block.corruption(s.at, "a term extends past the end")
		return nil
	}
	if s.page == nil || s.at < s.pageAt || s.at >= s.pageAt+pagePayload {
		number := s.at / pagePayload
		s.page, s.err = s.block.page(s.block.termPage()+int64(number), s.scratch)
		s.pageAt = number * pagePayload
		if s.err != nil {
			return nil
		}
	}
	return s.page[s.at-s.pageAt : min(pagePayload, s.block.termBytes-s.pageAt)]
}

// skipSmaller skips the next entry if its hash is smaller, provided that its numbers
// take one byte each and are on the same page, as most are. It makes find faster,
// which skips many entries to find one.
func (s *stream) skipSmaller(hash uint64) bool {
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

// skip skips n bytes.
func (s *stream) skip(n uint64) {
	if s.err == nil && n > s.block.termBytes-s.at {
		s.err = s.block.corruption(s.at, "a term extends past the end")
	}
	s.at += n
}

// numbers reads the fields of an entry directly before its data: the number of
// positions, and the length of the data.
func (s *stream) numbers(kind Kind) (count int, size uint64) {
	n, size := s.uvarint(), s.uvarint()
	if s.err == nil {
		s.err = s.block.checkNumbers(kind, n, size, s.at)
	}
	return int(n), size
}

// checkNumbers verifies the number of positions and the size of the data at an offset, of
// an entry of some kind.
func (b *Block) checkNumbers(kind Kind, n, size, at uint64) error {
	most := b.Events
	if kind == kindSource {
		most = 1
	}
	if n < 1 || n > most || size > b.termBytes-at {
		return b.corruption(at, "a term has %d positions in %d bytes", n, size)
	}
	return nil
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
		s.err = s.block.corruption(s.at, "a number is malformed")
	}
	return 0
}

// equals reports whether the next bytes are a text, and skips them if they are.
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
