package eventlog

import (
	"bytes"
	"encoding/binary"
)

// The sizes that tests of the format need.
const (
	SegmentHeaderBytes = segmentHeaderBytes
	ClosingBytes       = closingBytes
)

// EncodeSegmentHeader gives the header of a segment whose first group follows tail.
func EncodeSegmentHeader(id StoreID, previous uint64, tail Tail) []byte {
	return (&segmentHeader{store: id, previous: previous, tail: tail}).encode()
}

// DecodeSegmentHeader is its inverse.
func DecodeSegmentHeader(b []byte) (id StoreID, previous uint64, tail Tail, err error) {
	h, err := decodeSegmentHeader(b)
	return h.store, h.previous, h.tail, err
}

// EncodeGroup gives the bytes of a group as the header describes it, with
// checksums and a chain that are right, and sets these in the header.
func EncodeGroup(h *GroupHeader, payload []byte, id StoreID, previousChain uint64) []byte {
	h.PayloadBytes, h.PayloadCRC = uint32(len(payload)), Checksum(payload)
	b := append(make([]byte, groupHeaderBytes), payload...)
	h.encode(b, id, previousChain)
	return b
}

// EncodeGroupHeader gives a header as it is, with chain and checksum.
func EncodeGroupHeader(h *GroupHeader, id StoreID, previousChain uint64) []byte {
	b := make([]byte, groupHeaderBytes)
	h.encode(b, id, previousChain)
	return b
}

// DecodeGroupHeader gives a header, and whether its checksum is right.
func DecodeGroupHeader(b []byte, id StoreID) (GroupHeader, bool) { return decodeGroupHeader(b, id) }

// Follows says why a header cannot come behind tail.
func Follows(h *GroupHeader, encoded []byte, tail Tail) string { return h.follows(encoded, tail) }

// Recovered is what recovery finds in a segment's bytes.
type Recovered struct {
	End  int64
	Tail Tail
	Last []byte // the bytes of the last group
	Torn *Torn
}

// Recover recovers a segment from its bytes, whose header stands for tail.
func Recover(segment []byte, id StoreID, tail Tail) (Recovered, error) {
	s := &scanner{r: bytes.NewReader(segment), size: int64(len(segment)), name: "segment", id: id, tail: tail, offset: segmentHeaderBytes}
	r, err := recoverSegment(s)
	out := Recovered{End: r.end, Tail: r.tail, Torn: r.torn}
	if r.last != nil {
		out.Last = append(append(out.Last, r.last.header...), r.last.payload...)
	}
	return out, err
}

// PlainGroupHeader gives a header whatever its checksum.
func PlainGroupHeader(b []byte) GroupHeader {
	var id StoreID
	b = append([]byte(nil), b[:groupHeaderBytes]...)
	binary.LittleEndian.PutUint32(b, headerChecksum(id, b))
	h, _ := decodeGroupHeader(b, id)
	return h
}
