package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/zeebo/xxh3"
)

// Numbers on disk. They never change within a version.
const (
	formatVersion = 1

	segmentHeaderBytes = 80
	groupHeaderBytes   = 64

	// KindRecords is a group of events, tracking-only records, or both.
	KindRecords Kind = 1
	// KindClose is a clean-close record: a group without payload, written by Close.
	KindClose Kind = 2

	// standaloneTerm is the term of every group. Other terms are for replication.
	standaloneTerm = 1

	// maxNumber is the largest position, and the largest index of a group.
	maxNumber = 1<<63 - 1
)

// segmentMagic is at the start of every segment.
const segmentMagic = "UmaDBlog"

// Kind is the kind of a group.
type Kind uint8

// StoreID is the random identity of a store. It seeds the checksums of group
// headers, so that bytes within an event cannot be mistaken for a group.
type StoreID [16]byte

// Checksum returns the CRC-32C of b, the checksum of payloads and records.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, vfs.CRC) }

// errNotSegment is returned by decodeSegmentHeader if the bytes are not a segment
// header.
var errNotSegment = errors.New("not a segment header")

// Tail is the state of the log after a group, which the next group must follow.
type Tail struct {
	Index uint64 // of the last group; 0 before the first
	Chain uint64 // of the last group; 0 before the first
	Time  int64  // commit time of the last group, Unix nanoseconds
	Next  uint64 // position of the next event; starts at 1
}

// segmentHeader is at the start of a segment. All numbers are little-endian.
//
//	 0  8  magic "UmaDBlog"
//	 8  4  format version
//	12  4  zero
//	16 16  store id
//	32  8  base: position of the first event
//	40  8  base of the segment before, 0 for none
//	48  8  index of the last group before
//	56  8  chain of the last group before
//	64  8  commit time of the last group before, Unix nanoseconds
//	72  4  zero
//	76  4  CRC-32C of bytes 0 to 76
type segmentHeader struct {
	store    StoreID
	previous uint64 // base of the segment before
	tail     Tail   // before the first group; tail.Next is the base
}

func (h *segmentHeader) encode() []byte {
	b := make([]byte, segmentHeaderBytes)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], formatVersion)
	copy(b[16:], h.store[:])
	binary.LittleEndian.PutUint64(b[32:], h.tail.Next)
	binary.LittleEndian.PutUint64(b[40:], h.previous)
	binary.LittleEndian.PutUint64(b[48:], h.tail.Index)
	binary.LittleEndian.PutUint64(b[56:], h.tail.Chain)
	binary.LittleEndian.PutUint64(b[64:], uint64(h.tail.Time))
	binary.LittleEndian.PutUint32(b[76:], Checksum(b[:76]))
	return b
}

// decodeSegmentHeader decodes a segment header. It checks the version before the
// checksum, because another version may have a different layout.
func decodeSegmentHeader(b []byte) (h segmentHeader, err error) {
	if len(b) < segmentHeaderBytes || string(b[:8]) != segmentMagic {
		return h, errNotSegment
	}
	stored, version := binary.LittleEndian.Uint32(b[76:]), binary.LittleEndian.Uint32(b[8:])
	if stored == 0 && version == 0 { // zeros, as a lost sector leaves them
		return h, errNotSegment
	}
	valid := stored == Checksum(b[:76])
	if version != formatVersion && (valid || version < 1<<16) {
		return h, fmt.Errorf("%w %d; this program supports version %d", vfs.ErrVersion, version, formatVersion)
	}
	if !valid {
		return h, errNotSegment
	}
	copy(h.store[:], b[16:32])
	h.tail.Next = binary.LittleEndian.Uint64(b[32:])
	h.previous = binary.LittleEndian.Uint64(b[40:])
	h.tail.Index = binary.LittleEndian.Uint64(b[48:])
	h.tail.Chain = binary.LittleEndian.Uint64(b[56:])
	h.tail.Time = int64(binary.LittleEndian.Uint64(b[64:]))
	if !h.inRange() {
		return h, fmt.Errorf("%w: base %d, after base %d and group %d, is out of range", errNotSegment, h.tail.Next, h.previous, h.tail.Index)
	}
	return h, nil
}

// inRange reports whether the positions and indexes are possible for a segment.
func (h *segmentHeader) inRange() bool {
	return h.previous < h.tail.Next && h.tail.Next <= maxNumber && h.tail.Index <= maxNumber
}

// GroupHeader is at the start of a group; the payload follows. All numbers are
// little-endian.
//
//	 0  4  CRC-32C of bytes 4 to 64, seeded with the CRC-32C of the store id
//	 4  4  CRC-32C of the payload
//	 8  1  kind
//	 9  3  zero
//	12  4  number of events
//	16  8  term
//	24  8  index
//	32  8  commit time, Unix nanoseconds
//	40  8  position of the first event; without events, that of the next event
//	48  4  payload bytes
//	52  4  zero
//	56  8  chain: xxh3 of the previous chain and of bytes 4 to 56
type GroupHeader struct {
	Kind         Kind
	Count        uint32
	Term         uint64
	Index        uint64
	Time         int64
	First        uint64
	PayloadBytes uint32
	PayloadCRC   uint32
	Chain        uint64
}

// Tail returns the state of the log after the group.
func (h *GroupHeader) Tail() Tail {
	return Tail{Index: h.Index, Chain: h.Chain, Time: h.Time, Next: h.First + uint64(h.Count)}
}

// encode writes the header to b, and sets the chain.
func (h *GroupHeader) encode(b []byte, id StoreID, previousChain uint64) {
	clear(b[:groupHeaderBytes])
	binary.LittleEndian.PutUint32(b[4:], h.PayloadCRC)
	b[8] = byte(h.Kind)
	binary.LittleEndian.PutUint32(b[12:], h.Count)
	binary.LittleEndian.PutUint64(b[16:], h.Term)
	binary.LittleEndian.PutUint64(b[24:], h.Index)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.Time))
	binary.LittleEndian.PutUint64(b[40:], h.First)
	binary.LittleEndian.PutUint32(b[48:], h.PayloadBytes)
	h.Chain = chain(previousChain, b)
	binary.LittleEndian.PutUint64(b[56:], h.Chain)
	binary.LittleEndian.PutUint32(b[0:], headerChecksum(id, b))
}

// decodeGroupHeader decodes a group header, and reports whether its checksum matches.
func decodeGroupHeader(b []byte, id StoreID) (h GroupHeader, valid bool) {
	if binary.LittleEndian.Uint32(b) != headerChecksum(id, b) {
		return h, false
	}
	return readGroupHeader(b), true
}

// readGroupHeader decodes a group header without verifying it.
func readGroupHeader(b []byte) GroupHeader {
	return GroupHeader{
		PayloadCRC:   binary.LittleEndian.Uint32(b[4:]),
		Kind:         Kind(b[8]),
		Count:        binary.LittleEndian.Uint32(b[12:]),
		Term:         binary.LittleEndian.Uint64(b[16:]),
		Index:        binary.LittleEndian.Uint64(b[24:]),
		Time:         int64(binary.LittleEndian.Uint64(b[32:])),
		First:        binary.LittleEndian.Uint64(b[40:]),
		PayloadBytes: binary.LittleEndian.Uint32(b[48:]),
		Chain:        binary.LittleEndian.Uint64(b[56:]),
	}
}

func headerChecksum(id StoreID, header []byte) uint32 {
	return crc32.Update(Checksum(id[:]), vfs.CRC, header[4:groupHeaderBytes])
}

func chain(previous uint64, header []byte) uint64 {
	var b [8 + 52]byte
	binary.LittleEndian.PutUint64(b[:], previous)
	copy(b[8:], header[4:56])
	return xxh3.Hash(b[:])
}

// checkFollows returns why the group of a valid header cannot follow tail, or "" if it
// can.
func (h *GroupHeader) checkFollows(header []byte, tail Tail) string {
	switch {
	case h.Index != tail.Index+1:
		return fmt.Sprintf("group %d follows group %d", h.Index, tail.Index)
	case h.Chain != chain(tail.Chain, header):
		return fmt.Sprintf("group %d does not continue the chain of the group before it", h.Index)
	case h.First != tail.Next:
		return fmt.Sprintf("group %d starts at position %d instead of %d", h.Index, h.First, tail.Next)
	case h.Time < tail.Time:
		return fmt.Sprintf("group %d was committed before group %d", h.Index, tail.Index)
	case h.Kind != KindRecords && h.Kind != KindClose:
		return fmt.Sprintf("group %d has unknown kind %d", h.Index, h.Kind)
	case h.Kind == KindClose && (h.Count != 0 || h.PayloadBytes != 0):
		return fmt.Sprintf("group %d is a clean-close record but has %d events in %d bytes", h.Index, h.Count, h.PayloadBytes)
	case h.Term != standaloneTerm:
		return fmt.Sprintf("group %d has unknown term %d", h.Index, h.Term)
	case h.Index > maxNumber || h.First+uint64(h.Count) > maxNumber:
		return fmt.Sprintf("group %d, with %d events from position %d on, is out of range", h.Index, h.Count, h.First)
	}
	return ""
}
