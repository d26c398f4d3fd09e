package store

import (
	"errors"
	"io"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// verifyLog verifies the groups up to the published head. After corruption, it continues
// with the next segment.
func (c *scrubber) verifyLog() error {
	log, last := c.store.log, c.store.published.Load().group
	at := &c.position.Log
	resumed := at.Base != 0
	if !resumed {
		*at = log.Start()
	}
	for at.Tail.Index < last {
		err := c.verifyGroups(last)
		switch segment := segmentOf(log, at.Base); {
		case err == nil:
		case c.ends(err):
			return err
		case resumed && segment == nil: // the position is that of another log
			*at = log.Start()
		case resumed: // the position may be wrong, and not the log
			*at = segment.Start()
		default:
			corruption := asCorruption(err, c.store.log.SegmentName(at.Base), at.Offset)
			c.found(corruption, false)
			*at = c.startAfter(corruption.File)
		}
		resumed = false
	}
	return nil
}

func segmentOf(log *eventlog.Log, base uint64) *eventlog.Segment {
	for _, segment := range log.Segments() {
		if segment.Base == base {
			return segment
		}
	}
	return nil
}

// startAfter returns the start of the segment after the one with this path, or the end of
// the log if there is none.
func (c *scrubber) startAfter(name string) eventlog.Point {
	segments := c.store.log.Segments()
	for i, segment := range segments[1:] {
		if segments[i].Name == name {
			return segment.Start()
		}
	}
	return c.store.published.Load().end
}

// verifyGroups verifies groups until the one with index last, or corruption.
func (c *scrubber) verifyGroups(last uint64) error {
	c.dropLog(c.position.Log)
	r, err := c.store.log.NewReader(c.position.Log)
	if err != nil {
		return err
	}
	for {
		g, err := c.nextGroup(r, last)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.position.Log = g.End()
		bytes := c.position.Log.Offset - g.Offset
		c.position.Report.Groups++
		c.position.Report.LogBytes += bytes
		if err := c.pace(bytes, func() { c.dropLog(c.position.Log) }); err != nil {
			return err
		}
	}
}

func (c *scrubber) nextGroup(r *eventlog.Reader, last uint64) (eventlog.Group, error) {
	if err := c.store.gate.enter(c.ctx); err != nil {
		return eventlog.Group{}, err
	}
	defer c.store.gate.leave()
	return r.Next(last)
}

// dropLog drops what was read up to a point and what is read next from the cache, except in
// the segment that is appended to. A scrub must read the disk, and not the cache, so this also
// drops pages that other reads use, which read them again.
func (c *scrubber) dropLog(end eventlog.Point) {
	segments := c.store.log.Segments()
	for i, segment := range segments[:len(segments)-1] {
		if segment.Base != end.Base {
			continue
		}
		from := max(end.Offset-2*scrubStep, 0)
		segment.DropCache(from, end.Offset-from+2*scrubStep)
		// Of the next segment, a step is read before the next call.
		size, err := segment.Size()
		if next := segments[i+1]; err == nil && size-end.Offset < 2*scrubStep && i+2 < len(segments) {
			next.DropCache(0, 2*scrubStep)
		}
	}
}
