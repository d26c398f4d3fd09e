package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	blockMagic = "UmaDBidx"
	// formatVersion is the version of the format of a block. Within a version, no number
	// in a file changes its meaning. Version 1 had no times.
	formatVersion = 2
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

const blockSuffix = ".idx"

// FileName returns the file name of the span's block, which consists of its first and
// last group.
func (s *Span) FileName() string {
	return fmt.Sprintf("%020d-%020d%s", s.FirstGroup, s.LastGroup, blockSuffix)
}

// ParseFileName returns the first and last group in a block's file name.
func ParseFileName(name string) (first, last uint64, ok bool) {
	digits, found := strings.CutSuffix(name, blockSuffix)
	if !found || len(digits) != 41 || digits[20] != '-' {
		return 0, 0, false
	}
	first, err1 := strconv.ParseUint(digits[:20], 10, 64)
	last, err2 := strconv.ParseUint(digits[21:], 10, 64)
	return first, last, err1 == nil && err2 == nil && first <= last
}

// IsFileName reports whether a name is that of a block file.
func IsFileName(name string) bool {
	_, _, ok := ParseFileName(name)
	return ok
}

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
//	 96  8  bytes of the terms, in the pages after the time pages
//	104  8  number of terms
//	112  4  rows of times, in the pages after the location pages
//
// then zeros, and at 4092 the checksum of the page, which has no seed here.
type header struct {
	Span
	version        uint32
	level          uint32
	store          [16]byte
	directoryPages uint32
	locationPages  uint32
	termBytes      uint64
	terms          uint64
	timeRows       uint32
}

func (h *header) encode() []byte {
	b := make([]byte, pageBytes)
	copy(b, blockMagic)
	binary.LittleEndian.PutUint32(b[8:], h.version)
	binary.LittleEndian.PutUint32(b[12:], h.level)
	copy(b[16:], h.store[:])
	for i, v := range []uint64{h.FirstGroup, h.LastGroup, h.First, h.Events, h.Base, uint64(h.Offset), h.Chain} {
		binary.LittleEndian.PutUint64(b[32+8*i:], v)
	}
	binary.LittleEndian.PutUint32(b[88:], h.directoryPages)
	binary.LittleEndian.PutUint32(b[92:], h.locationPages)
	binary.LittleEndian.PutUint64(b[96:], h.termBytes)
	binary.LittleEndian.PutUint64(b[104:], h.terms)
	binary.LittleEndian.PutUint32(b[112:], h.timeRows)
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
	h.version = binary.LittleEndian.Uint32(b[8:])
	if valid && (h.version == 0 || h.version > formatVersion) {
		return h, fmt.Errorf("%w %d; this program supports version %d", vfs.ErrVersion, h.version, formatVersion)
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
	h.timeRows = binary.LittleEndian.Uint32(b[112:])
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
		uint64(h.timeRows) <= h.Events && (h.timeRows > 0 || h.Events == 0 || h.version == 1) &&
		h.termBytes <= 1<<60 && h.terms <= h.termBytes/entryBytesMin
}

// pages returns the number of pages in the file.
func (h *header) pages() int64 {
	return 1 + int64(h.directoryPages) + int64(h.locationPages) + h.timePages() + pagesFor(h.termBytes)
}

// timePages returns the number of pages with times.
func (h *header) timePages() int64 { return pagesFor(uint64(h.timeRows) * timeBytes) }

// OutdatedError is returned for a block in an older format, which must be rebuilt from the log.
type OutdatedError struct {
	Span
	Name    string // the path
	Bytes   int64
	Version uint32
}

// Error names the block and both versions.
func (e *OutdatedError) Error() string {
	return fmt.Sprintf("%s has format version %d, and this program reads version %d only", e.Name, e.Version, formatVersion)
}
