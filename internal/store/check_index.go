package store

import (
	"errors"
	"slices"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// openBlock opens a block that is of this log; it reports one that is not, and
// gives nil.
func (c *checker) openBlock(span index.Span) (*index.Block, error) {
	s := c.store
	c.examined(invariantBlocks, 1)
	var damage *vfs.CorruptionError
	block, err := index.OpenBlock(s.files.index, span.FileName(), s.log.ID(), s.cache)
	if errors.As(err, &damage) {
		c.problem(invariantBlocks, damage)
		c.notReached(invariantEnd, invariantIndex)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if ours, err := c.ofThisLog(block); err != nil || !ours {
		return nil, errors.Join(err, block.Close())
	}
	c.report.Blocks++
	c.report.Terms += block.Terms()
	return block, nil
}

// ofThisLog verifies that the log has what a block says that it ends with.
func (c *checker) ofThisLog(block *index.Block) (bool, error) {
	var damage *vfs.CorruptionError
	if err := c.store.checkReach(block); errors.As(err, &damage) {
		c.notReached(invariantIndex)
		if c.store.log.Corruption() != nil {
			c.notReached(invariantEnd) // it may reach that far, behind the damage
		} else {
			c.examined(invariantEnd, 1)
			c.problem(invariantEnd, damage)
		}
		return false, nil
	}
	c.examined(invariantEnd, 1)
	_, err := c.store.endOf(block)
	var mismatch errBlockMismatch
	if !errors.As(err, &mismatch) {
		return err == nil, err
	}
	c.notReached(invariantIndex)
	// It may be the log that has changed.
	before := len(c.report.Problems) + int(c.report.More)
	if err := c.checkGroups(block.LastGroup, nil); err != nil {
		return false, err
	}
	if before == len(c.report.Problems)+int(c.report.More) {
		c.problem(invariantBlocks, &vfs.CorruptionError{File: block.Name, What: mismatch.Error()})
	}
	return false, nil
}

// checkBlock holds a block against the groups that it covers.
func (c *checker) checkBlock(block *index.Block) error {
	b := comparison{checker: c, block: block, sources: map[string]uint64{}}
	b.partial = c.at.Tail.Index != block.FirstGroup-1 // some lie behind damage
	err := c.checkGroups(block.LastGroup, &b)
	if err == nil {
		err = b.end()
	}
	return err
}

// comparison holds a block against the log, piece by piece.
type comparison struct {
	checker *checker
	block   *index.Block
	piece   *memory           // of the log, not compared yet; nil for nothing
	counted uint64            // postings that the log says there are
	sources map[string]uint64 // that the log says there are
	partial bool              // not all groups of the block could be looked at
	failed  bool              // the block is damaged: there is no more to compare
}

// add takes a group. One that is not sound leaves a gap.
func (b *comparison) add(g *eventlog.Group, sound bool) error {
	if b.failed {
		return nil
	}
	if !sound {
		return b.gap()
	}
	if b.piece != nil && b.piece.full(b.checker.store.options.BlockEvents) {
		if err := b.compare(); err != nil {
			return err
		}
	}
	if b.piece == nil {
		b.piece = newMemory(b.checker.store.hasher, eventlog.Tail{Index: g.Index - 1, Next: g.First}, 0)
	}
	return b.piece.addGroup(g, encoding.Records(g.Payload)) // sound: verified already
}

// gap notes that what comes next of the log cannot be looked at.
func (b *comparison) gap() error {
	b.partial = true
	return b.compare()
}

// compare compares what has been gathered, and begins anew.
func (b *comparison) compare() error {
	piece := b.piece
	b.piece = nil
	if b.failed || piece == nil {
		return nil
	}
	return b.judge(b.comparePiece(piece))
}

// end compares what is left. That nothing is in the block beside what the log
// has can only be told if all of the log was looked at.
func (b *comparison) end() error {
	err := b.compare()
	switch {
	case err != nil || b.failed:
		return err
	case b.partial:
		b.checker.notReached(invariantIndex)
		return nil
	}
	return b.judge(b.compareTotals())
}

// judge reports an error that tells of damage, and passes others on.
func (b *comparison) judge(err error) error {
	var damage *vfs.CorruptionError
	if !errors.As(err, &damage) {
		return err
	}
	b.failed = true
	if errors.As(err, new(*difference)) {
		b.checker.problem(invariantIndex, damage)
	} else {
		b.checker.problem(invariantBlocks, damage)
		b.checker.notReached(invariantIndex)
	}
	return nil
}

// difference is damage that no checksum tells: the block says something else
// than the log.
type difference struct{ damage *vfs.CorruptionError }

// Error gives the damage.
func (d *difference) Error() string { return d.damage.Error() }

// Unwrap gives the damage.
func (d *difference) Unwrap() error { return d.damage }

func (b *comparison) differs(what string) error {
	return &difference{&vfs.CorruptionError{File: b.block.Name, What: what}}
}

// comparePiece verifies that the block has what a piece of the log has.
func (b *comparison) comparePiece(m *memory) error {
	if m.First() < b.block.First || m.Next() > b.block.Next() {
		return b.differs("its events are not those of its groups in the log")
	}
	n := int(m.Next() - m.First())
	want, err := m.Locations(nil, m.First(), n)
	if err != nil {
		return err
	}
	have, err := b.block.Locations(nil, m.First(), n)
	if err != nil {
		return err
	}
	if !slices.Equal(want, have) {
		return b.differs("the places of its events are not those of the log")
	}
	b.checker.examined(invariantIndex, uint64(n))
	err = m.EachTerm(func(term index.Term, positions []uint32) error {
		b.counted += uint64(len(positions))
		b.checker.examined(invariantIndex, uint64(len(positions)))
		return b.compareTerm(m, term, positions)
	})
	if err != nil {
		return err
	}
	return m.EachSource(func(source string, position uint64) error {
		b.sources[source] = position
		return nil
	})
}

func (b *comparison) compareTerm(m *memory, term index.Term, positions []uint32) error {
	postings, _, err := b.block.Postings(term, index.Forwards)
	if err != nil {
		return err
	}
	key := m.First()
	for _, position := range positions {
		want := m.First() + uint64(position)
		found, ok, err := postings.Seek(key)
		if err != nil {
			return err
		}
		if !ok || found != want {
			return b.differs("it does not have what the log has of " + term.Text)
		}
		key = want + 1
	}
	return nil
}

// compareTotals verifies that the block has no postings beside those found, and
// the right sources.
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
	if have != b.counted || haveSources != len(b.sources) {
		return b.differs("it has positions or sources that the log does not have")
	}
	for source, want := range b.sources {
		position, known, err := b.block.Tracking(b.checker.store.hasher.Source(source))
		if err != nil {
			return err
		}
		if !known || position != want {
			return b.differs("it does not have what the log has of a tracking source")
		}
	}
	b.checker.examined(invariantIndex, uint64(len(b.sources)))
	return nil
}
