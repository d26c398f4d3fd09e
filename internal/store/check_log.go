package store

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// checkGroups verifies the groups up to the one with index last, and adds them to the
// comparison with a block, which may be nil. After corruption, it continues with the
// next segment.
func (c *checker) checkGroups(last uint64, against *comparison) error {
	last = min(last, c.store.log.OpenedTail().Index)
	for c.at.Tail.Index < last {
		err := c.checkUntilCorruption(last, against)
		var corruption *vfs.CorruptionError
		if !errors.As(err, &corruption) {
			return err
		}
		c.problem(invariantGroups, corruption)
		c.notReached(invariantRecords, invariantTracking)
		c.at = c.pointAfter(corruption)
		if against != nil {
			if err := against.gap(); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointAfter returns the start of the segment after the corrupt one, whose header has
// everything needed to continue, or the end of the log if there is none.
func (c *checker) pointAfter(corruption *vfs.CorruptionError) eventlog.Point {
	segments := c.store.log.Segments()
	for i, segment := range segments[1:] {
		if segments[i].Name == corruption.File {
			return segment.Start()
		}
	}
	return eventlog.Point{Tail: c.store.log.OpenedTail()}
}

// checkUntilCorruption verifies groups until it finds corruption, which it returns.
func (c *checker) checkUntilCorruption(last uint64, against *comparison) error {
	for g, err := range c.store.log.Groups(c.at, last) {
		if err == nil {
			err = c.ctx.Err()
		}
		if err != nil {
			return err
		}
		c.at = g.End()
		c.report.Groups++
		c.report.Events += uint64(g.Count)
		c.report.LogBytes += int64(g.PayloadBytes) + eventlog.GroupPrefix
		c.examined(invariantGroups, 1)
		valid := c.checkRecords(&g)
		if against != nil {
			if err := against.add(&g, valid); err != nil {
				return err
			}
		}
		if c.options.Progress != nil {
			c.options.Progress(g.Index, c.store.log.OpenedTail().Index)
		}
	}
	return nil
}

// checkRecords verifies the records of a group and the order of tracking positions. It
// reports whether all records are valid. The first invalid one is a problem.
func (c *checker) checkRecords(g *eventlog.Group) (valid bool) {
	for record, err := range c.store.verifiedRecords(g) {
		var corruption *vfs.CorruptionError
		if errors.As(err, &corruption) {
			c.problem(invariantRecords, corruption)
			return false
		}
		if record.Position != 0 {
			c.examined(invariantRecords, 1)
		}
		if info := record.Tracking; info != nil {
			last, known := c.tracking[info.Source]
			// Equal positions are valid: all events of an append have the same tracking.
			if known && info.Position < last {
				c.problem(invariantTracking, c.corruptionAt(g, "the position of tracking source %q decreases from %d to %d", info.Source, last, info.Position))
			}
			c.tracking[info.Source] = info.Position
		}
	}
	return true
}

// corruptionAt returns an error for corruption in a group.
func (c *checker) corruptionAt(g *eventlog.Group, format string, args ...any) *vfs.CorruptionError {
	return &vfs.CorruptionError{File: c.store.log.SegmentName(g.Base), Offset: g.Offset, What: fmt.Sprintf(format, args...)}
}
