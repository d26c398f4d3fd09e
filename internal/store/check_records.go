package store

import (
	"slices"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// checkRecords verifies that the records of a group have the positions that its
// header says, and that tracking only ascends.
func (c *checker) checkRecords(g *eventlog.Group) error {
	next := g.First
	for record, err := range encoding.Records(g.Payload) {
		if err != nil {
			return c.logDamage(g, "group %d has a record that cannot be read: %v", g.Index, err)
		}
		if record.Position != 0 {
			if record.Position != next {
				return c.logDamage(g, "group %d has position %d where %d is due", g.Index, record.Position, next)
			}
			if err := encoding.CheckEvent(record.Event); err != nil {
				return c.logDamage(g, "the event at position %d: %v", next, err)
			}
			next++
		}
		if info := record.Tracking; info != nil {
			last, known := c.tracking[info.Source]
			// The events of one append all have its tracking.
			if known && info.Position < last {
				return c.logDamage(g, "tracking of source %q goes from %d back to %d", info.Source, last, info.Position)
			}
			c.tracking[info.Source] = info.Position
		}
	}
	if next != g.First+uint64(g.Count) {
		return c.logDamage(g, "group %d has %d events instead of %d", g.Index, next-g.First, g.Count)
	}
	return nil
}

// checkBlock holds a block against the groups that it covers.
func (c *checker) checkBlock(from eventlog.Point, block *index.Block) (eventlog.Point, error) {
	counted := uint64(0) // postings that the log says there are
	sources := map[string]uint64{}
	at, err := c.checkGroups(from, block.LastGroup, func(m *memory) error {
		return comparePiece(block, m, &counted, sources)
	})
	if err != nil {
		return at, err
	}
	if err := compareTotals(block, c.store.hasher, counted, sources); err != nil && !c.problem(err, indexRemedy) {
		return at, err
	}
	return at, nil
}

// comparePiece verifies that a block has what a piece of the log has.
func comparePiece(block *index.Block, m *memory, counted *uint64, sources map[string]uint64) error {
	n := int(m.Next() - m.First())
	want, err := m.Locations(nil, m.First(), n)
	if err != nil {
		return err
	}
	have, err := block.Locations(nil, m.First(), n)
	if err != nil {
		return err
	}
	if !slices.Equal(want, have) {
		return differs(block, "the places of its events are not those of the log")
	}
	err = m.EachTerm(func(term index.Term, positions []uint32) error {
		*counted += uint64(len(positions))
		return compareTerm(block, m, term, positions)
	})
	if err != nil {
		return err
	}
	return m.EachSource(func(source string, position uint64) error {
		sources[source] = position
		return nil
	})
}

func compareTerm(block *index.Block, m *memory, term index.Term, positions []uint32) error {
	postings, _, err := block.Postings(term, index.Forwards)
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
			return differs(block, "it does not have what the log has of "+term.Text)
		}
		key = want + 1
	}
	return nil
}

// compareTotals verifies that a block has no postings beside those found, and
// the right sources.
func compareTotals(block *index.Block, hasher index.Hasher, counted uint64, sources map[string]uint64) error {
	have, haveSources := uint64(0), 0
	terms := block.ReadTerms()
	for {
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
	if have != counted || haveSources != len(sources) {
		return differs(block, "it has positions or sources that the log does not have")
	}
	for source, want := range sources {
		position, known, err := block.Tracking(hasher.Source(source))
		if err != nil {
			return err
		}
		if !known || position != want {
			return differs(block, "it does not have what the log has of a tracking source")
		}
	}
	return nil
}

func differs(block *index.Block, what string) error {
	return &vfs.DamageError{File: block.Name, What: what}
}
