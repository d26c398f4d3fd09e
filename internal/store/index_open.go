package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// indexOpener assembles blocks that cover the log from its start without a gap.
type indexOpener struct {
	store    *Store
	builder  *index.Builder
	blocks   []*fileBlock
	end      eventlog.Point // end of the groups covered by blocks
	atTail   bool           // only groups without a block follow
	rebuilds bool           // a block of an older format was found
	// heads cover the groups after the blocks. There is more than one if a block could
	// not be written, which does not make opening fail.
	heads []*headBlock
}

// install makes the blocks the current state. It is called after an error too, so that
// free closes them.
func (c *indexOpener) install() {
	c.store.states.change(func(st *state) {
		st.blocks = c.blocks
		st.heads = c.heads
	})
}

// add opens a block file. It removes a file that is corrupt, was not built from this
// log, or is obsolete, as a crash during a compaction may leave it.
func (c *indexOpener) add(span index.Span) error {
	name := span.FileName()
	if span.FirstGroup <= c.end.Tail.Index {
		return c.store.removeIndexFile(name)
	}
	block, err := index.OpenBlock(c.store.files.index, name, c.store.log.ID(), c.store.cache)
	var corruption *vfs.CorruptionError
	if errors.As(err, &corruption) {
		return c.discard(name, err)
	}
	var outdated *index.OutdatedError
	if errors.As(err, &outdated) {
		return c.upgrade(name, outdated)
	}
	if err != nil {
		return err
	}
	end, err := c.place(block)
	if err == nil {
		c.blocks = append(c.blocks, &fileBlock{Block: block})
		c.end = end
		return nil
	}
	err = errors.Join(err, block.Close())
	var mismatch errBlockMismatch
	if errors.As(err, &mismatch) {
		return c.discard(name, err)
	}
	return err
}

// place builds the missing blocks before a block, and returns the end of the block. It
// fails with errBlockMismatch if the block was not built from this log.
func (c *indexOpener) place(block *index.Block) (eventlog.Point, error) {
	if err := c.store.checkReach(block.LastGroup); err != nil {
		if c.store.shared != nil { // the groups are read again from the shared log
			err = errBlockMismatch{block.Name}
		}
		return eventlog.Point{}, err
	}
	end, err := c.store.endOf(block)
	if err != nil {
		return eventlog.Point{}, err
	}
	if err := c.fill(block.FirstGroup - 1); err != nil {
		return eventlog.Point{}, err
	}
	if block.First != c.end.Tail.Next {
		return eventlog.Point{}, errBlockMismatch{block.Name}
	}
	return end, nil
}

// discard removes a block that cannot be used, so that it is rebuilt.
func (c *indexOpener) discard(name string, err error) error {
	c.store.options.Logger.Warn("an index block is corrupt or does not match the log; rebuilding it from the log", "error", err)
	return c.store.removeIndexFile(name)
}

// upgrade removes a block of an older format, so that it is rebuilt.
func (c *indexOpener) upgrade(name string, outdated *index.OutdatedError) error {
	if err := c.store.checkReach(outdated.LastGroup); err != nil && c.store.shared == nil {
		return err
	}
	if !c.rebuilds {
		c.rebuilds = true
		c.store.options.Logger.Info("the index has an older format; rebuilding it from the log", "version", outdated.Version)
	}
	return c.store.removeIndexFile(name)
}

// checkReach fails if the log ends before the last group of a block. A block covers only
// durable groups, so the end of the log is lost.
func (s *Store) checkReach(lastGroup uint64) error {
	tail := s.log.OpenedTail()
	if lastGroup <= tail.Index {
		return nil
	}
	return &vfs.CorruptionError{
		File: s.log.SegmentName(tail.Next),
		What: fmt.Sprintf("the log ends with group %d, but the index contains group %d: the end of the log is lost; restore a backup (if you replaced the log with an older one on purpose, remove %s)", tail.Index, lastGroup, s.indexDir()),
	}
}

// lastGroup returns the header of the last group of a block, and reports whether the log
// contains it.
func (s *Store) lastGroup(b *index.Block) (eventlog.Group, bool, error) {
	g, valid, err := s.log.HeaderAt(b.Base, b.Offset)
	return g, valid && g.Index == b.LastGroup && g.Chain == b.Chain && g.First+uint64(g.Count) == b.Next(), err
}

// endOf returns the point in the log after the last group of a block. It fails with
// errBlockMismatch if the log does not contain this group.
func (s *Store) endOf(b *index.Block) (eventlog.Point, error) {
	g, valid, err := s.lastGroup(b)
	if err != nil {
		return eventlog.Point{}, err
	}
	if !valid {
		return eventlog.Point{}, errBlockMismatch{b.Name}
	}
	return g.End(), nil
}

// errBlockMismatch is returned when a block was not built from this log.
type errBlockMismatch struct{ name string }

func (e errBlockMismatch) Error() string {
	return fmt.Sprintf("%s does not match the log", e.name)
}

// fill builds blocks up to the group with index last.
func (c *indexOpener) fill(last uint64) error {
	if c.end.Tail.Index >= last {
		return nil
	}
	rest, err := c.replay(last)
	if err == nil && !rest.empty() {
		err = c.emit(rest)
	}
	if err == nil {
		c.end, err = c.store.endOf(c.blocks[len(c.blocks)-1].Block)
	}
	return err
}

// finish reads the groups after the blocks, and keeps those that do not fill a block in
// memory.
func (c *indexOpener) finish() error {
	c.atTail = true
	tail := c.store.log.OpenedTail()
	if c.end.Tail.Index == tail.Index && c.end.Tail != tail {
		segments := c.store.log.Segments()
		return &vfs.CorruptionError{File: segments[len(segments)-1].Name, What: fmt.Sprintf("the segment does not continue group %d, the last group before it", tail.Index)}
	}
	rest, err := c.replay(tail.Index)
	if err != nil {
		return err
	}
	c.heads = append(c.heads, rest)
	return nil
}

// emit writes the waiting head blocks to files, the oldest first. At the tail, those
// that cannot be written may stay in memory for the flusher, as in an open store.
func (c *indexOpener) emit(h *headBlock) error {
	c.heads = append(c.heads, h)
	for len(c.heads) > 0 {
		block, err := c.builder.Flush(c.heads[0].HeadBlock, c.heads[0].span)
		if err != nil && c.atTail && len(c.heads) <= maxHeadBlocks {
			c.store.options.Logger.Warn("cannot write an index block; will try again", "error", err)
			return nil
		}
		if err != nil {
			return err
		}
		c.blocks = append(c.blocks, &fileBlock{Block: block})
		c.heads = c.heads[1:]
	}
	return nil
}

func (c *indexOpener) replay(last uint64) (*headBlock, error) {
	p := newProgress(c.store, c.end.Tail.Index, last)
	r := replay{store: c.store, ctx: context.Background(), emit: c.emit, progress: p.group}
	return r.run(c.end, last)
}

// reportEvery is the interval of progress messages.
const reportEvery = 2 * time.Second

// rebuildProgress logs the progress of building the index if it takes long.
type rebuildProgress struct {
	store       *Store
	first, last uint64 // groups
	reported    time.Time
}

func newProgress(s *Store, first, last uint64) *rebuildProgress {
	return &rebuildProgress{store: s, first: first, last: last, reported: time.Now()}
}

func (p *rebuildProgress) group(g *eventlog.Group) {
	if time.Since(p.reported) < reportEvery {
		return
	}
	p.reported = time.Now()
	p.store.options.Logger.Info("building the index from the log",
		"percent", 100*(g.Index-p.first)/max(1, p.last-p.first), "position", g.First)
}
