package eventlog

import (
	"bytes"
	"fmt"
)

// checkSegment decodes the header of the segment that a group starts, and returns why it
// cannot be the next one. The header is nil if the group starts none.
func (r *Receiver) checkSegment(encoded []byte) (roll *segmentHeader, why string) {
	if encoded == nil {
		if r.segment == nil {
			return nil, "the first group of a copy must start a segment"
		}
		return nil, ""
	}
	if r.segment != nil && r.end == segmentHeaderBytes && bytes.Equal(encoded, r.segment.header.encode()) {
		return nil, "" // the segment was started before an interruption
	}
	h, err := decodeSegmentHeader(encoded)
	if err != nil {
		return nil, err.Error()
	}
	previous := uint64(0)
	if r.segment != nil {
		previous = r.segment.Base
	}
	switch {
	case !bytes.Equal(encoded, h.encode()):
		return nil, "the segment header has unknown content"
	case r.segment != nil && h.store != r.id:
		return nil, "the segment belongs to another store"
	case h.previous != previous:
		return nil, fmt.Sprintf("the segment follows that of position %d instead of %d", h.previous, previous)
	case h.tail != r.tail:
		return nil, fmt.Sprintf("the segment starts at position %d after group %d, and the copy ends with group %d", h.tail.Next, h.tail.Index, r.tail.Index)
	}
	return &h, ""
}

// checkGroup decodes the header of a group, and returns why it cannot follow tail.
func checkGroup(g *Group, id StoreID, tail Tail) (h GroupHeader, why string) {
	if len(g.Header) != groupHeaderBytes {
		return h, fmt.Sprintf("the header has %d bytes", len(g.Header))
	}
	h, valid := decodeGroupHeader(g.Header, id)
	if !valid {
		return h, "the header is corrupt, or belongs to another store"
	}
	if why := h.checkFollows(g.Header, tail); why != "" {
		return h, why
	}
	again, copied := make([]byte, groupHeaderBytes), h
	copied.encode(again, id, tail.Chain)
	switch {
	case !bytes.Equal(again, g.Header):
		return h, fmt.Sprintf("the header of group %d has unknown content", h.Index)
	case len(g.Payload) != int(h.PayloadBytes):
		return h, fmt.Sprintf("group %d has %d bytes instead of %d", h.Index, len(g.Payload), h.PayloadBytes)
	case Checksum(g.Payload) != h.PayloadCRC:
		return h, fmt.Sprintf("group %d is corrupt", h.Index)
	}
	return h, ""
}
