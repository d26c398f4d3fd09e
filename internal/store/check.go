package store

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Report is what Check examined and found.
type Report struct {
	Segments int    `json:"segments"`
	Groups   uint64 `json:"groups"`
	Events   uint64 `json:"events"`
	LogBytes int64  `json:"log_bytes"` // of sound groups
	Sources  int    `json:"tracking_sources"`
	Blocks   int    `json:"blocks"`
	Terms    uint64 `json:"terms"` // summed over the blocks
	// Torn is what a crash left behind the last sound group, which opening the
	// store will cut; empty if nothing.
	Torn string `json:"torn,omitempty"`
	// Uncovered is how many groups at the end no block covers. Opening the store
	// reads them into memory.
	Uncovered uint64 `json:"uncovered_groups"`
	// Invariants tells of each what came out.
	Invariants []Finding `json:"invariants"`
	Problems   []Problem `json:"problems"`
	// More is how many problems there are beside those.
	More uint64 `json:"more_problems,omitempty"`
}

// Problem is damage, with where it is and what to do.
type Problem struct {
	Invariant string `json:"invariant"` // the ID of the one that does not hold
	File      string `json:"file"`
	Offset    int64  `json:"offset"`
	What      string `json:"what"`
	Remedy    string `json:"remedy"`
}

// maxProblems bounds a report: who has as many needs no more.
const maxProblems = 100

// CheckOptions shape a check. The zero value works.
type CheckOptions struct {
	Options
	// Progress is told how many of all groups have been examined. nil for nobody.
	Progress func(done, all uint64)
}

// Check verifies the invariants of a store that nobody has open. It changes
// nothing. Damage is in the report; an error means that the check could not be
// made. Behind damage it goes on where there is firm ground again: with the next
// segment of the log, and the next block of the index. Its memory is bounded, but for
// the tracking sources: it holds the name of each, with some 100 bytes.
func Check(ctx context.Context, dir string, options *CheckOptions) (*Report, error) {
	if options == nil {
		options = new(CheckOptions)
	}
	c := &checker{ctx: ctx, options: options, tracking: map[string]uint64{}}
	c.report.Invariants = newFindings()
	c.store = newStore(dir, &options.Options)
	c.store.options.ReadOnly = true
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
	at       eventlog.Point    // up to where the log has been looked at
	tracking map[string]uint64 // the last position of each source so far
}

// cannotOpen reports damage that keeps the log from being opened, and tells
// whether that is the error. Nothing else can be looked at then.
func (c *checker) cannotOpen(err error) bool {
	var damage *vfs.CorruptionError
	var known *dcb.Error
	switch {
	case errors.As(err, &damage):
	case errors.Is(err, dcb.ErrCorruption) && errors.As(err, &known):
		damage = &vfs.CorruptionError{File: filepath.Join(c.store.dir, logName), What: known.Detail}
	default:
		return false
	}
	for i := range c.report.Invariants {
		c.report.Invariants[i].Verdict = NotReached
	}
	c.problem(invariantSegments, damage)
	return true
}

// finding gives the account of an invariant.
func (c *checker) finding(id string) *Finding {
	for i := range c.report.Invariants {
		if c.report.Invariants[i].ID == id {
			return &c.report.Invariants[i]
		}
	}
	panic("there is no invariant " + id)
}

func (c *checker) examined(id string, n uint64) { c.finding(id).Examined += n }

// notReached notes that not all can be looked at that bears on some invariants.
func (c *checker) notReached(ids ...string) {
	for _, id := range ids {
		if f := c.finding(id); f.Verdict == Holds {
			f.Verdict = NotReached
		}
	}
}

// problem reports that an invariant does not hold.
func (c *checker) problem(id string, damage *vfs.CorruptionError) {
	f := c.finding(id)
	f.Verdict = Violated
	if len(c.report.Problems) == maxProblems {
		c.report.More++
		return
	}
	c.report.Problems = append(c.report.Problems, Problem{id, damage.File, damage.Offset, damage.What, f.Remedy})
}

// check walks the log once. What a block covers is gathered in pieces, and each
// piece held against the block.
func (c *checker) check() error {
	if damage := c.store.log.Corruption(); damage != nil {
		c.problem(invariantGroups, damage)
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
			continue // left by a crash during a join; opening removes it
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
	last := c.store.log.Tail().Index
	c.report.Uncovered = last - min(last, c.at.Tail.Index)
	return c.checkGroups(last, nil)
}
