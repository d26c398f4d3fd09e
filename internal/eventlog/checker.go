package eventlog

import (
	"bytes"
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
	next, why := *c, ""
	if g.SegmentHeader != nil {
		why = next.startSegment(g.SegmentHeader)
	} else if c.Base == 0 {
		why = "the first group must start a segment"
	}
	if why == "" {
		g.GroupHeader, why = checkGroup(g, next.ID, next.Tail)
	}
	if why != "" {
		return fmt.Errorf("%w: %s", ErrNotNext, why)
	}
	next.Tail = g.GroupHeader.Tail()
	*c = next
	return nil
}

// startSegment returns why a segment cannot be the next one.
func (c *Checker) startSegment(encoded []byte) (why string) {
	h, err := decodeSegmentHeader(encoded)
	if err != nil {
		return err.Error()
	}
	tail := h.tail
	if c.Tail.Time == 0 {
		tail.Time = 0
	}
	switch {
	case !bytes.Equal(encoded, h.encode()):
		return "the segment header has unknown content"
	case c.ID != StoreID{} && h.store != c.ID:
		return "the segment belongs to another store"
	case h.previous != c.Base:
		return fmt.Sprintf("the segment follows that of position %d instead of %d", h.previous, c.Base)
	case tail != c.Tail:
		return fmt.Sprintf("the segment starts at position %d after group %d, and the previous group is %d", h.tail.Next, h.tail.Index, c.Tail.Index)
	}
	c.ID, c.Base, c.Tail = h.store, h.tail.Next, h.tail
	return ""
}

// StoreOf returns the store ID in the header of a segment.
func StoreOf(segmentHeader []byte) (StoreID, error) {
	h, err := decodeSegmentHeader(segmentHeader)
	return h.store, err
}
