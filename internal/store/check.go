package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Report is the result of Check.
type Report struct {
	Segments int    `json:"segments"`
	Groups   uint64 `json:"groups"`
	Events   uint64 `json:"events"`
	LogBytes int64  `json:"log_bytes"` // of valid groups
	Sources  int    `json:"tracking_sources"`
	Blocks   int    `json:"blocks"`
	Terms    uint64 `json:"terms"` // summed over the blocks
	// Torn describes the bytes that a crash left after the last valid group; empty if
	// there are none. Opening the store will truncate them.
	Torn string `json:"torn,omitempty"`
	// Uncovered is the number of groups at the end that no block covers. Opening the
	// store reads them into memory.
	Uncovered uint64 `json:"uncovered_groups"`
	// Outdated is the number of blocks in an older format, which opening the store rebuilds.
	Outdated   int       `json:"outdated_blocks,omitempty"`
	Invariants []Finding `json:"invariants"`
	Problems   []Problem `json:"problems"`
	// More is the number of problems that are not listed in Problems.
	More uint64 `json:"more_problems,omitempty"`
}

// Problem is a violation of an invariant, with its location and remedy.
type Problem struct {
	Invariant string `json:"invariant"` // ID of the violated invariant
	File      string `json:"file"`
	Offset    int64  `json:"offset"`
	What      string `json:"what"`
	Remedy    string `json:"remedy"`
}

// maxProblems bounds the problems listed in a report.
const maxProblems = 100

// CheckOptions configure Check. The zero value works.
type CheckOptions struct {
	Options
	// Progress is called with the number of groups checked, and of all groups. It may
	// be nil.
	Progress func(done, all uint64)
}

// Check verifies the invariants of a store that is not open. It changes nothing.
// Corruption is in the report; an error means that the check could not be made. After
// corruption, Check continues with the next segment of the log or the next block of the
// index. Its memory is bounded except for the tracking sources, each of which takes its
// name and about 100 bytes.
func Check(ctx context.Context, dir string, options *CheckOptions) (*Report, error) {
	if options == nil {
		options = new(CheckOptions)
	}
	c := &checker{ctx: ctx, options: options, tracking: map[string]uint64{}}
	c.report.Invariants = newFindings()
	c.store = newStore(checking, dir, &options.Options)
	if err := c.store.open(ctx); err != nil {
		if !c.cannotOpen(err) {
			return nil, err
		}
		return &c.report, nil
	}
	defer c.store.free(false)
	if torn := c.store.log.Torn(); torn != nil {
		c.report.Torn = torn.String()
	}
	c.report.Segments = len(c.store.log.Segments())
	c.examined(invariantSegments, uint64(c.report.Segments))
	if err := c.check(); err != nil {
		return nil, storeError(err, "checking "+dir)
	}
	c.report.Sources = len(c.tracking)
	c.examined(invariantTracking, uint64(len(c.tracking)))
	return &c.report, nil
}

type checker struct {
	ctx      context.Context
	options  *CheckOptions
	store    *Store
	report   Report
	at       eventlog.Point    // end of the checked part of the log
	tracking map[string]uint64 // the last position of each source so far
}

// cannotOpen reports whether err is corruption that prevents opening the log. If so, it
// adds the problem to the report; nothing else can be checked.
func (c *checker) cannotOpen(err error) bool {
	var corruption *vfs.CorruptionError
	var known *dcb.Error
	switch {
	case errors.As(err, &corruption):
	case errors.Is(err, dcb.ErrCorruption) && errors.As(err, &known):
		corruption = &vfs.CorruptionError{File: filepath.Join(c.store.dir, logName), What: known.Detail}
	default:
		return false
	}
	for i := range c.report.Invariants {
		c.report.Invariants[i].Status = NotReached
	}
	c.problem(invariantSegments, corruption)
	return true
}

// finding returns the finding of an invariant.
func (c *checker) finding(id string) *Finding {
	for i := range c.report.Invariants {
		if c.report.Invariants[i].ID == id {
			return &c.report.Invariants[i]
		}
	}
	panic("unknown invariant " + id)
}

// examined counts units of an invariant as checked.
func (c *checker) examined(id string, n uint64) { c.finding(id).Examined += n }

// notReached records that some invariants cannot be checked completely.
func (c *checker) notReached(ids ...string) {
	for _, id := range ids {
		if f := c.finding(id); f.Status == Holds {
			f.Status = NotReached
		}
	}
}

// problem records a violation of an invariant.
func (c *checker) problem(id string, corruption *vfs.CorruptionError) {
	f := c.finding(id)
	f.Status = Violated
	if len(c.report.Problems) == maxProblems {
		c.report.More++
		return
	}
	c.report.Problems = append(c.report.Problems, Problem{id, corruption.File, corruption.Offset, corruption.What, f.Remedy})
}

// check reads the log once. It compares the groups that a block covers with the block,
// a bounded number of them at a time.
func (c *checker) check() error {
	if corruption := c.store.log.Corruption(); corruption != nil {
		c.problem(invariantGroups, corruption)
		c.notReached(invariantRecords, invariantTracking)
	}
	spans, err := c.store.blockFiles()
	if err != nil {
		return err
	}
	c.at = c.store.log.Start()
	covered := uint64(0)
	for _, span := range spans {
		if span.FirstGroup <= covered {
			continue // left by a crash during a compaction; opening removes it
		}
		if err := c.checkGroups(span.FirstGroup-1, nil); err != nil {
			return err
		}
		block, err := c.openBlock(span)
		if err != nil {
			return err
		}
		if block == nil {
			continue
		}
		covered = span.LastGroup
		err = c.checkBlock(block)
		if err := errors.Join(err, block.Close()); err != nil {
			return err
		}
	}
	last := c.store.log.OpenedTail().Index
	c.report.Uncovered = last - min(last, c.at.Tail.Index)
	return c.checkGroups(last, nil)
}

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
