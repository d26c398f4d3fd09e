package eventlog

import "bytes"

// The sizes that tests of the format need.
const (
	SegmentHeaderBytes = segmentHeaderBytes
	PaddingBytes       = paddingBytes
)

// EncodeSegmentHeader returns the header of a segment whose first group follows tail.
func EncodeSegmentHeader(id StoreID, previous uint64, tail Tail) []byte {
	return (&segmentHeader{store: id, previous: previous, tail: tail}).encode()
}

// DecodeSegmentHeader is the inverse of EncodeSegmentHeader.
func DecodeSegmentHeader(b []byte) (id StoreID, previous uint64, tail Tail, err error) {
	h, err := decodeSegmentHeader(b)
	return h.store, h.previous, h.tail, err
}

// EncodeGroup returns the bytes of a group with the given header and payload. It
// computes the checksums and the chain, and sets them in the header.
func EncodeGroup(h *GroupHeader, payload []byte, id StoreID, previousChain uint64) []byte {
	h.PayloadBytes, h.PayloadCRC = uint32(len(payload)), Checksum(payload)
	b := append(make([]byte, groupHeaderBytes), payload...)
	h.encode(b, id, previousChain)
	return b
}

// EncodeGroupHeader returns the bytes of an unchanged header, with chain and checksum.
func EncodeGroupHeader(h *GroupHeader, id StoreID, previousChain uint64) []byte {
	b := make([]byte, groupHeaderBytes)
	h.encode(b, id, previousChain)
	return b
}

// DecodeGroupHeader returns a header, and reports whether its checksum matches.
func DecodeGroupHeader(b []byte, id StoreID) (GroupHeader, bool) { return decodeGroupHeader(b, id) }

// CheckFollows returns why a header cannot follow tail, or "" if it can.
func CheckFollows(h *GroupHeader, encoded []byte, tail Tail) string {
	return h.checkFollows(encoded, tail)
}

// Recovered is the result of recovery.
type Recovered struct {
	End  int64
	Tail Tail
	Last []byte // the bytes of the last group
	Torn *Torn
}

// Recover recovers a segment from its bytes. Its first group follows tail.
func Recover(segment []byte, id StoreID, tail Tail) (Recovered, error) {
	s := &scanner{r: bytes.NewReader(segment), size: int64(len(segment)), name: "segment", id: id, tail: tail, offset: segmentHeaderBytes}
	r, err := recoverSegment(s, nil)
	out := Recovered{End: r.end, Tail: r.tail, Torn: r.torn}
	if r.last != nil {
		out.Last = append(append(out.Last, r.last.header...), r.last.payload...)
	}
	return out, err
}

// PlainGroupHeader decodes a group header and ignores its checksum.
func PlainGroupHeader(b []byte) GroupHeader { return readGroupHeader(b) }

// EncodeCopying returns the content of the file of a copy that is being written.
func EncodeCopying(durable uint64) []byte { return encodeCopying(durable) }
