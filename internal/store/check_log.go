package store

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// checkGroups verifies the groups up to one, and holds them against a block, if
// that is not nil. Damage is reported, and the next segment is where it goes on.
func (c *checker) checkGroups(last uint64, against *comparison) error {
	last = min(last, c.store.log.Tail().Index)
	for c.at.Tail.Index < last {
		err := c.checkRun(last, against)
		var damage *vfs.CorruptionError
		if !errors.As(err, &damage) {
			return err
		}
		c.problem(invariantGroups, damage)
		c.notReached(invariantRecords, invariantTracking)
		c.at = c.behind(damage)
		if against != nil {
			if err := against.gap(); err != nil {
				return err
			}
		}
	}
	return nil
}

// behind gives the beginning of the segment behind the damaged one, whose header
// has all that is needed to go on; the end of the log if there is none.
func (c *checker) behind(damage *vfs.CorruptionError) eventlog.Point {
	segments := c.store.log.Segments()
	for i, segment := range segments[1:] {
		if segments[i].Name == damage.File {
			return segment.Start()
		}
	}
	return eventlog.Point{Tail: c.store.log.Tail()}
}

// checkRun verifies groups until there is damage.
func (c *checker) checkRun(last uint64, against *comparison) error {
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
		sound := c.checkRecords(&g)
		if against != nil {
			if err := against.add(&g, sound); err != nil {
				return err
			}
		}
		if c.options.Progress != nil {
			c.options.Progress(g.Index, c.store.log.Tail().Index)
		}
	}
	return nil
}

// checkRecords verifies the records of a group, and that tracking only ascends. It
// reports the first record that is not sound, and whether all are.
func (c *checker) checkRecords(g *eventlog.Group) (sound bool) {
	for record, err := range c.store.verifiedRecords(g) {
		var damage *vfs.CorruptionError
		if errors.As(err, &damage) {
			c.problem(invariantRecords, damage)
			return false
		}
		if record.Position != 0 {
			c.examined(invariantRecords, 1)
		}
		if info := record.Tracking; info != nil {
			last, known := c.tracking[info.Source]
			// The events of one append all have its tracking.
			if known && info.Position < last {
				c.problem(invariantTracking, c.logDamage(g, "tracking of source %q goes from %d back to %d", info.Source, last, info.Position))
			}
			c.tracking[info.Source] = info.Position
		}
	}
	return true
}

// logDamage is damage at a group.
func (c *checker) logDamage(g *eventlog.Group, format string, args ...any) *vfs.CorruptionError {
	return &vfs.CorruptionError{File: c.store.log.SegmentName(g.Base), Offset: g.Offset, What: fmt.Sprintf(format, args...)}
}
