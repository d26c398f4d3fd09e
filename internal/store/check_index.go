package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

// openBlock opens a block of this log. For a corrupt block, or one of another log, it
// records a problem and returns nil. It also returns nil for a block of an older format.
func (c *checker) openBlock(span index.Span) (*index.Block, error) {
	s := c.store
	c.examined(invariantBlocks, 1)
	var corruption *vfs.CorruptionError
	block, err := index.OpenBlock(s.files.index, span.FileName(), s.log.ID(), s.cache)
	if errors.As(err, &corruption) {
		c.problem(invariantBlocks, corruption)
		c.notReached(invariantEnd, invariantIndex)
		return nil, nil
	}
	var outdated *index.OutdatedError
	if errors.As(err, &outdated) {
		c.report.Outdated++
		c.reaches(outdated.LastGroup)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if matches, err := c.matchesLog(block); err != nil || !matches {
		return nil, errors.Join(err, block.Close())
	}
	c.report.Blocks++
	c.report.Terms += block.Terms()
	return block, nil
}

// matchesLog reports whether the log contains the last group of a block.
func (c *checker) matchesLog(block *index.Block) (bool, error) {
	if !c.reaches(block.LastGroup) {
		return false, nil
	}
	_, err := c.store.endOf(block)
	var mismatch errBlockMismatch
	if !errors.As(err, &mismatch) {
		return err == nil, err
	}
	c.notReached(invariantIndex)
	// The log may be the one that has changed.
	before := len(c.report.Problems) + int(c.report.More)
	if err := c.checkGroups(block.LastGroup, nil); err != nil {
		return false, err
	}
	if before == len(c.report.Problems)+int(c.report.More) {
		c.problem(invariantBlocks, &vfs.CorruptionError{File: block.Name, What: mismatch.Error()})
	}
	return false, nil
}

// reaches reports whether the log reaches as far as a block.
func (c *checker) reaches(lastGroup uint64) bool {
	var corruption *vfs.CorruptionError
	if err := c.store.checkReach(lastGroup); errors.As(err, &corruption) {
		c.notReached(invariantIndex)
		if c.store.log.Corruption() != nil {
			c.notReached(invariantEnd) // the log may reach that far, after its corruption
		} else {
			c.examined(invariantEnd, 1)
			c.problem(invariantEnd, corruption)
		}
		return false
	}
	c.examined(invariantEnd, 1)
	return true
}

// checkBlock compares a block with the groups that it covers.
func (c *checker) checkBlock(block *index.Block) error {
	b := comparison{checker: c, block: block, sources: map[string]uint64{}}
	b.partial = c.at.Tail.Index != block.FirstGroup-1 // some follow corruption
	err := c.checkGroups(block.LastGroup, &b)
	if err == nil {
		err = b.finish()
	}
	return err
}

// comparison compares a block with the log, piece by piece.
type comparison struct {
	checker *checker
	block   *index.Block
	piece   *headBlock        // groups not compared yet; may be nil
	counted uint64            // postings in the log
	groups  uint64            // groups with events in the log
	sources map[string]uint64 // tracking sources in the log
	partial bool              // some groups of the block cannot be compared
	failed  bool              // the block is corrupt; the rest is not compared
}

// add adds a group. An invalid group leaves a gap.
func (b *comparison) add(g *eventlog.Group, valid bool) error {
	if b.failed {
		return nil
	}
	if !valid {
		return b.gap()
	}
	if b.piece != nil && b.piece.full(b.checker.store.options.BlockEvents) {
		if err := b.compare(); err != nil {
			return err
		}
	}
	if b.piece == nil {
		b.piece = newHeadBlock(b.checker.store.hasher, eventlog.Tail{Index: g.Index - 1, Next: g.First}, 0)
	}
	return b.piece.addGroup(g, record.Records(g.Payload)) // checkRecords has verified them
}

// gap records that the next groups cannot be compared.
func (b *comparison) gap() error {
	b.partial = true
	return b.compare()
}

// compare compares the current piece, and starts the next.
func (b *comparison) compare() error {
	piece := b.piece
	b.piece = nil
	if b.failed || piece == nil {
		return nil
	}
	return b.record(b.comparePiece(piece))
}

// finish compares the last piece. Only if all groups were compared can it verify that
// the block contains nothing else.
func (b *comparison) finish() error {
	err := b.compare()
	switch {
	case err != nil || b.failed:
		return err
	case b.partial:
		b.checker.notReached(invariantIndex)
		return nil
	}
	return b.record(b.compareTotals())
}

// record adds a problem for an error that is corruption, and returns other errors.
func (b *comparison) record(err error) error {
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) {
		return err
	}
	b.failed = true
	if errors.As(err, new(*difference)) {
		b.checker.problem(invariantIndex, corruption)
	} else {
		b.checker.problem(invariantBlocks, corruption)
		b.checker.notReached(invariantIndex)
	}
	return nil
}

// difference is corruption that no checksum detects: the content of the block differs
// from the log.
type difference struct{ corruption *vfs.CorruptionError }

func (d *difference) Error() string { return d.corruption.Error() }

func (d *difference) Unwrap() error { return d.corruption }

func (b *comparison) differs(what string) error {
	return &difference{&vfs.CorruptionError{File: b.block.Name, What: what}}
}

// comparePiece verifies that the block contains the content of a piece of the log.
func (b *comparison) comparePiece(h *headBlock) error {
	if h.First() < b.block.First || h.Next() > b.block.Next() {
		return b.differs("the block does not have the events of its groups in the log")
	}
	n := int(h.Next() - h.First())
	want, err := h.Locations(nil, h.First(), n)
	if err != nil {
		return err
	}
	have, err := b.block.Locations(nil, h.First(), n)
	if err != nil {
		return err
	}
	if !slices.Equal(want, have) {
		return b.differs("locations of events differ from the log")
	}
	b.checker.examined(invariantIndex, uint64(n))
	if err := b.compareTimes(h); err != nil {
		return err
	}
	err = h.EachTerm(func(term index.Term, positions []uint32) error {
		b.counted += uint64(len(positions))
		b.checker.examined(invariantIndex, uint64(len(positions)))
		return b.compareTerm(h, term, positions)
	})
	if err != nil {
		return err
	}
	return h.EachSource(func(source string, position uint64) error {
		b.sources[source] = position
		return nil
	})
}

// compareTimes verifies that each event of a piece has the time of its group.
func (b *comparison) compareTimes(h *headBlock) error {
	positions := make([]uint64, 0, h.Next()-h.First())
	for position := h.First(); position < h.Next(); position++ {
		positions = append(positions, position)
	}
	want, err := h.Times(nil, positions)
	if err != nil {
		return err
	}
	have, err := b.block.Times(nil, positions)
	if err != nil {
		return err
	}
	if !slices.Equal(want, have) {
		return b.differs("commit times of events differ from the log")
	}
	b.groups += uint64(h.GroupTimes())
	b.checker.examined(invariantIndex, uint64(h.GroupTimes()))
	return nil
}

func (b *comparison) compareTerm(h *headBlock, term index.Term, positions []uint32) error {
	postings, _, err := b.block.Postings(term, index.Forwards)
	if err != nil {
		return err
	}
	key := h.First()
	for _, position := range positions {
		want := h.First() + uint64(position)
		found, ok, err := postings.Seek(key)
		if err != nil {
			return err
		}
		if !ok || found != want {
			return b.differs(fmt.Sprintf("the positions of %q differ from the log", term.Text))
		}
		key = want + 1
	}
	return nil
}

// compareTotals verifies that the block has no other postings and times than those of the
// log, and the same tracking sources.
func (b *comparison) compareTotals() error {
	have, haveSources := uint64(0), 0
	terms := b.block.ReadTerms()
	for {
		if err := b.checker.ctx.Err(); err != nil {
			return err
		}
		more, err := terms.Next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if terms.IsSource() {
			haveSources++
		} else {
			have += uint64(terms.Count)
		}
	}
	if b.block.GroupTimes() != b.groups {
		return b.differs("the block has commit times that the log does not have")
	}
	if have != b.counted || haveSources != len(b.sources) {
		return b.differs("the block has positions or tracking sources that the log does not have")
	}
	for source, want := range b.sources {
		position, known, err := b.block.Tracking(b.checker.store.hasher.Source(source))
		if err != nil {
			return err
		}
		if !known || position != want {
			return b.differs(fmt.Sprintf("the position of tracking source %q differs from the log", source))
		}
	}
	b.checker.examined(invariantIndex, uint64(len(b.sources)))
	return nil
}
