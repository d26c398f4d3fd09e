package eventlog

import (
	"bytes"
	"errors"
	"fmt"
)

// Checker verifies the groups of a log one after another, as a Receiver does, but does not
// store them. ID is that of the store, or zero to accept that of the first segment. Base is
// that of the segment with the last group, 0 before the first segment. In Tail, the time
// may be zero if it is unknown.
type Checker struct {
	ID   StoreID
	Base uint64
	Tail Tail
}

// Check verifies that a group follows the previous one, and advances. Its error is
// ErrNotNext. It uses only the bytes of g, and sets its decoded header.
func (c *Checker) Check(g *Group) error {
	next, err := c.next(g)
	if err == nil {
		*c, g.GroupHeader = next.Checker, next.header
	}
	return err
}

// checked is a verified group.
type checked struct {
	Checker                // after the group
	header  GroupHeader    // of the group
	roll    *segmentHeader // of the segment that the group starts; nil if it starts none
}

// next verifies that a group follows the previous one.
func (c *Checker) next(g *Group) (next checked, err error) {
	next.Checker = *c
	why := ""
	if g.SegmentHeader != nil {
		next.roll, why = next.startSegment(g.SegmentHeader)
	} else if c.Base == 0 {
		why = "the first group must start a segment"
	}
	if why == "" {
		next.header, why = checkGroup(g, next.ID, next.Tail)
	}
	if why != "" {
		return checked{}, fmt.Errorf("%w: %s", ErrNotNext, why)
	}
	next.Tail = next.header.Tail()
	return next, nil
}

// startSegment advances to the start of a segment, or returns why it cannot be the next one.
func (c *Checker) startSegment(encoded []byte) (roll *segmentHeader, why string) {
	h, err := decodeSegmentHeader(encoded)
	if err != nil {
		return nil, err.Error()
	}
	tail := h.tail
	if c.Tail.Time == 0 && c.Tail.Index > 0 { // it is unknown
		tail.Time = 0
	}
	switch {
	case !bytes.Equal(encoded, h.encode()):
		return nil, "the segment header has unknown content"
	case c.ID != StoreID{} && h.store != c.ID:
		return nil, "the segment belongs to another store"
	case h.previous != c.Base:
		return nil, fmt.Sprintf("the segment follows that of position %d instead of %d", h.previous, c.Base)
	case tail != c.Tail:
		return nil, fmt.Sprintf("the segment starts at position %d after group %d, and the previous group is %d", h.tail.Next, h.tail.Index, c.Tail.Index)
	}
	c.ID, c.Base, c.Tail = h.store, h.tail.Next, h.tail
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
	if !bytes.Equal(again, g.Header) {
		return h, fmt.Sprintf("the header of group %d has unknown content", h.Index)
	}
	return h, checkPayload(g, &h)
}

// checkPayload returns why a group does not have the payload of its header.
func checkPayload(g *Group, h *GroupHeader) (why string) {
	switch {
	case len(g.Payload) != int(h.PayloadBytes):
		return fmt.Sprintf("group %d has %d bytes instead of %d", h.Index, len(g.Payload), h.PayloadBytes)
	case Checksum(g.Payload) != h.PayloadCRC:
		return fmt.Sprintf("group %d is corrupt", h.Index)
	}
	return ""
}

// Verify returns an error unless the bytes of g are a group of a store with valid checksums. It
// does not know the group before, and so not whether the chain continues.
func (g *Group) Verify(id StoreID) error {
	why := "the header is incomplete"
	if len(g.Header) == groupHeaderBytes {
		why = "the header is corrupt, or belongs to another store"
		if h, valid := decodeGroupHeader(g.Header, id); valid {
			why = checkPayload(g, &h)
		}
	}
	if why != "" {
		return errors.New(why)
	}
	return nil
}

// StoreOf returns the store ID in the header of a segment.
func StoreOf(segmentHeader []byte) (StoreID, error) {
	h, err := decodeSegmentHeader(segmentHeader)
	return h.store, err
}
