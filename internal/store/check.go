package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
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
	Uncovered uint64    `json:"uncovered_groups"`
	Problems  []Problem `json:"problems"`
}

// Problem is damage, with where it is and what to do.
type Problem struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

// What to do about damage.
const (
	logRemedy   = "the log is the truth and cannot be repaired: restore the store from a copy, or look at the disk"
	indexRemedy = "the index is derived: remove the file, and opening the store builds it again from the log"
)

// CheckOptions shape a check. The zero value works.
type CheckOptions struct {
	Options
	// Progress is told how many of all groups have been examined. nil for nobody.
	Progress func(done, all uint64)
}

// Check verifies a store that nobody has open: each checksum and link of the
// log, each record, the order of tracking, and that the index says what the log
// says, all of it and nothing else. It changes nothing. Damage is in the report;
// an error means that the check could not be made.
func Check(ctx context.Context, dir string, options *CheckOptions) (*Report, error) {
	if options == nil {
		options = new(CheckOptions)
	}
	c := &checker{ctx: ctx, options: options, tracking: map[string]uint64{}}
	c.store = newStore(dir, &options.Options)
	err := c.store.open(eventlog.Options{ReadOnly: true})
	if err != nil {
		if c.problem(err, logRemedy) {
			return &c.report, nil
		}
		return nil, err
	}
	defer c.store.free(false)
	if torn := c.store.log.Torn(); torn != nil {
		c.report.Torn = torn.String()
	}
	c.report.Segments = len(c.store.log.Segments())
	if err := c.check(); err != nil {
		return nil, storeError(err, "checking "+dir)
	}
	c.report.Sources = len(c.tracking)
	return &c.report, nil
}

type checker struct {
	ctx      context.Context
	options  *CheckOptions
	store    *Store
	report   Report
	tracking map[string]uint64 // the last position of each source so far
}

// problem reports an error that tells of damage, and tells whether it does.
func (c *checker) problem(err error, remedy string) bool {
	var damage *vfs.DamageError
	if !errors.As(err, &damage) {
		return false
	}
	c.report.Problems = append(c.report.Problems, Problem{damage.File, damage.Offset, damage.What, remedy})
	return true
}

// check walks the log once. What a block covers is gathered in pieces, and each
// piece held against the block.
func (c *checker) check() error {
	spans, err := c.blockSpans()
	if err != nil {
		return err
	}
	at := c.store.log.Start()
	for _, span := range spans {
		if span.FirstGroup <= at.Tail.Index {
			continue // left by a crash during a join; opening removes it
		}
		if at, err = c.checkGroups(at, span.FirstGroup-1, nil); err != nil {
			return c.damaged(err)
		}
		block, err := c.openBlock(span)
		if err != nil {
			return err
		}
		if block == nil {
			continue
		}
		at, err = c.checkBlock(at, block)
		block.Close()
		if err != nil {
			return c.damaged(err)
		}
	}
	c.report.Uncovered = c.store.log.Tail().Index - at.Tail.Index
	_, err = c.checkGroups(at, c.store.log.Tail().Index, nil)
	return c.damaged(err)
}

// damaged reports damage to the log, and passes other errors on.
func (c *checker) damaged(err error) error {
	if err != nil && c.problem(err, logRemedy) {
		return nil
	}
	return err
}

func (c *checker) blockSpans() ([]index.Span, error) {
	spans, err := c.store.blockFiles(func(string) error { return nil })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return spans, err
}

// openBlock opens a block that is of this log; it reports one that is not, and
// gives nil.
func (c *checker) openBlock(span index.Span) (*index.Block, error) {
	s := c.store
	block, err := index.OpenBlock(s.options.FS, s.indexDir(), span.FileName(), s.log.ID(), s.cache)
	if err != nil {
		if c.problem(err, indexRemedy) {
			return nil, nil
		}
		return nil, err
	}
	if err := s.checkReach(block); err != nil {
		c.problem(err, logRemedy)
		return nil, block.Close()
	}
	if _, err := s.endOf(block); err != nil {
		var mismatch errBlockMismatch
		if errors.As(err, &mismatch) {
			err = &vfs.DamageError{File: block.Name, What: mismatch.Error()}
		}
		if closed := block.Close(); c.problem(err, indexRemedy) {
			return nil, closed
		}
		return nil, err
	}
	c.report.Blocks++
	c.report.Terms += block.Terms()
	return block, nil
}

// checkGroups verifies the groups behind a point up to one, and gives each piece
// of them to compare, if that is not nil. Damage in the index is reported and
// ends the comparing; damage in the log is the error.
func (c *checker) checkGroups(from eventlog.Point, last uint64, compare func(*memory) error) (eventlog.Point, error) {
	end := from
	held := func(m *memory) error {
		if compare == nil || m.empty() {
			return nil
		}
		err := compare(m)
		if err != nil && c.problem(err, indexRemedy) {
			compare, err = nil, nil
		}
		return err
	}
	r := replay{store: c.store, ctx: c.ctx, emit: held}
	var failed error
	r.progress = func(g *eventlog.Group) {
		end = g.End()
		c.report.Groups++
		c.report.Events += uint64(g.Count)
		c.report.LogBytes += int64(g.PayloadBytes) + eventlog.GroupPrefix
		if failed == nil {
			failed = c.checkRecords(g)
		}
		if c.options.Progress != nil {
			c.options.Progress(g.Index, c.store.log.Tail().Index)
		}
	}
	rest, err := r.run(from, last)
	if err == nil {
		err = failed
	}
	if err == nil {
		err = held(rest)
	}
	return end, err
}

// logDamage is damage at a group.
func (c *checker) logDamage(g *eventlog.Group, format string, args ...any) error {
	return &vfs.DamageError{File: c.store.log.SegmentName(g.Base), Offset: g.Offset, What: fmt.Sprintf(format, args...)}
}
