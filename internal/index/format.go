package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Numbers on disk. They never change within a version.
const (
	formatVersion = 1
	blockMagic    = "UmaDBidx"

	// A page is 4,092 bytes and their checksum.
	pageBytes   = 4096
	pagePayload = pageBytes - 4

	// A directory page serves about 2,560 terms. It contains the end of each of 128
	// buckets, and a Bloom filter with 7 probes in the rest of the page.
	directoryTerms   = 2560
	directoryBuckets = 128
	filterAt         = 8 + 4*directoryBuckets
	filterBits       = 8 * (pagePayload - filterAt)
	filterProbes     = 7
)

var errNotBlock = errors.New("not an index block header")

// Span is the part of the log that a block covers.
type Span struct {
	FirstGroup, LastGroup uint64 // indexes
	First                 uint64 // the first position
	Events                uint64
	// Base and Offset are the segment and the offset of the last group's header, and
	// Chain is its chain, to verify that the block belongs to the log.
	Base   uint64
	Offset int64
	Chain  uint64
}

// Next returns the position after the span's last.
func (s *Span) Next() uint64 { return s.First + s.Events }

// header is the first page of a block. All numbers are little-endian.
//
//	  0  8  magic "UmaDBidx"
//	  8  4  format version
//	 12  4  level: 0, or one more than the highest of the compacted blocks
//	 16 16  store id
//	 32  8  index of the first group
//	 40  8  index of the last group
//	 48  8  first position
//	 56  8  number of events
//	 64  8  base of the last group's segment
//	 72  8  offset of the last group's header
//	 80  8  chain of the last group
//	 88  4  directory pages, from page 1
//	 92  4  location pages, after the directory pages
//	 96  8  bytes of the terms, in the pages after the location pages
//	104  8  number of terms
//
// then zeros, and at 4092 the checksum of the page, which has no seed here.
type header struct {
	Span
	level          uint32
	store          [16]byte
	directoryPages uint32
	locationPages  uint32
	termBytes      uint64
	terms          uint64
}

func (h *header) encode() []byte {
	b := make([]byte, pageBytes)
	copy(b, blockMagic)
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	binary.LittleEndian.PutUint32(b[12:], h.level)
	copy(b[16:], h.store[:])
	for i, v := range []uint64{h.FirstGroup, h.LastGroup, h.First, h.Events, h.Base, uint64(h.Offset), h.Chain} {
		binary.LittleEndian.PutUint64(b[32+8*i:], v)
	}
	binary.LittleEndian.PutUint32(b[88:], h.directoryPages)
	binary.LittleEndian.PutUint32(b[92:], h.locationPages)
	binary.LittleEndian.PutUint64(b[96:], h.termBytes)
	binary.LittleEndian.PutUint64(b[104:], h.terms)
	binary.LittleEndian.PutUint32(b[pagePayload:], crc32.Checksum(b[:pagePayload], vfs.CRC))
	return b
}

// decodeHeader decodes a header. It checks the checksum before the version: a flipped
// bit in the version must not prevent a store from opening, because a corrupt block
// can be rebuilt.
func decodeHeader(b []byte) (h header, err error) {
	if len(b) < pageBytes || string(b[:8]) != blockMagic {
		return h, errNotBlock
	}
	valid := binary.LittleEndian.Uint32(b[pagePayload:]) == crc32.Checksum(b[:pagePayload], vfs.CRC)
	if version := binary.LittleEndian.Uint32(b[8:]); version != formatVersion && valid {
		return h, fmt.Errorf("%w %d; this program supports version %d", vfs.ErrVersion, version, formatVersion)
	}
	if !valid {
		return h, errNotBlock
	}
	h.level = binary.LittleEndian.Uint32(b[12:])
	copy(h.store[:], b[16:])
	offset := uint64(0)
	for i, v := range []*uint64{&h.FirstGroup, &h.LastGroup, &h.First, &h.Events, &h.Base, &offset, &h.Chain} {
		*v = binary.LittleEndian.Uint64(b[32+8*i:])
	}
	h.Offset = int64(offset)
	h.directoryPages = binary.LittleEndian.Uint32(b[88:])
	h.locationPages = binary.LittleEndian.Uint32(b[92:])
	h.termBytes = binary.LittleEndian.Uint64(b[96:])
	h.terms = binary.LittleEndian.Uint64(b[104:])
	if !h.plausible() {
		return h, errNotBlock
	}
	return h, nil
}

// plausible reports whether the fields are consistent, and small enough for the
// arithmetic on them.
func (h *header) plausible() bool {
	return h.Offset >= 0 && h.directoryPages > 0 && h.Events <= math.MaxUint32 &&
		int64(h.locationPages) == pagesFor(h.Events*locationBytes) &&
		h.termBytes <= 1<<60 && h.terms <= h.termBytes/entryBytesMin
}

// pages returns the number of pages in the file.
func (h *header) pages() int64 {
	return 1 + int64(h.directoryPages) + int64(h.locationPages) + pagesFor(h.termBytes)
}

func pagesFor(n uint64) int64 { return int64((n + pagePayload - 1) / pagePayload) }

// pageSeed returns the seed of the page checksums. With it and the page number, a page
// in the wrong place or of another block has a wrong checksum.
func (h *header) pageSeed() uint32 {
	var b [32]byte
	copy(b[:], h.store[:])
	binary.LittleEndian.PutUint64(b[16:], h.FirstGroup)
	binary.LittleEndian.PutUint64(b[24:], h.LastGroup)
	return crc32.Checksum(b[:], vfs.CRC)
}

func pageChecksum(seed uint32, page int64, payload []byte) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(page))
	return crc32.Update(crc32.Update(seed, vfs.CRC, b[:]), vfs.CRC, payload)
}

// bucketOf returns the directory page of a hash and the bucket in that page. Both
// ascend with the hash.
func bucketOf(hash uint64, pages uint32) (page, bucket int) {
	hi, lo := bits.Mul64(hash, uint64(pages))
	b, _ := bits.Mul64(lo, directoryBuckets)
	return int(hi), int(b)
}

// probes calls f with the byte offset and the mask of each filter bit of a hash, until
// f returns false. It reports whether f always returned true.
func probes(hash uint64, f func(at int, mask byte) bool) bool {
	mixed := hash * 0x9E3779B97F4A7C15 // the high bits already selected the page
	a, b := uint32(mixed>>32), uint32(mixed)|1
	for range filterProbes {
		bit := uint64(a) * filterBits >> 32
		if !f(filterAt+int(bit/8), 1<<(bit%8)) {
			return false
		}
		a += b
	}
	return true
}

// A directory page, little-endian:
//
//	  0   8  offset in the terms of the page's first bucket
//	  8 512  for each bucket, its end, relative to that offset
//	520 3572 Bloom filter
type directoryPage []byte

func (p directoryPage) bucket(i int) (from, to uint64) {
	base := binary.LittleEndian.Uint64(p)
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(p[8+4*(i-1):])
	}
	return base + uint64(start), base + uint64(binary.LittleEndian.Uint32(p[8+4*i:]))
}

func (p directoryPage) mayHave(hash uint64) bool {
	return probes(hash, func(at int, mask byte) bool { return p[at]&mask != 0 })
}

func (p directoryPage) add(hash uint64) {
	probes(hash, func(at int, mask byte) bool { p[at] |= mask; return true })
}

// Location is the place of an event's record in the log, and the CRC-32C of the
// record. The segment follows from the event's position.
type Location struct {
	Offset int64  // in the segment, below 2^40
	Size   uint32 // in bytes, below 2^24
	CRC    uint32
}

// locationBytes is the encoded size of a Location; it divides pagePayload.
const locationBytes = 12

// encode encodes a location, little-endian:
//
//	0 3  size
//	3 5  offset
//	8 4  CRC-32C
func (l Location) encode(b []byte) {
	binary.LittleEndian.PutUint64(b, uint64(l.Offset)<<24|uint64(l.Size))
	binary.LittleEndian.PutUint32(b[8:], l.CRC)
}

func decodeLocation(b []byte) Location {
	place := binary.LittleEndian.Uint64(b)
	return Location{
		Offset: int64(place >> 24),
		Size:   uint32(place & (1<<24 - 1)),
		CRC:    binary.LittleEndian.Uint32(b[8:]),
	}
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
