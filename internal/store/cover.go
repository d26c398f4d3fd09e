package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// cover gathers blocks that cover the log from its beginning without a gap.
type cover struct {
	store   *Store
	builder *index.Builder
	blocks  []*fileBlock
	end     eventlog.Point // of what is covered
	atTail  bool           // nothing but groups without a block lies behind
	// memories are what lies behind the blocks: more than one if a block could
	// not be written, which opening does not fail for.
	memories []*memory
}

// publish makes the blocks the state, in any case, so that they get closed.
func (c *cover) publish() {
	c.store.states.change(func(st *state) {
		st.blocks = c.blocks
		st.memories = c.memories
	})
}

// add takes a block file, or removes it if it is not sound, not of this log, or
// not needed: what a crash during a join leaves.
func (c *cover) add(span index.Span) error {
	name := span.FileName()
	if c.store.options.ReadOnly && span.FirstGroup > c.end.Tail.Index+1 {
		return nil // behind a gap that no block may fill: finish reads on from there
	}
	if span.FirstGroup <= c.end.Tail.Index {
		return c.store.removeIndexFile(name)
	}
	block, err := index.OpenBlock(c.store.files.index, name, c.store.log.ID(), c.store.cache)
	var damage *vfs.CorruptionError
	if errors.As(err, &damage) {
		return c.discard(name, err)
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

// place builds the blocks that are missing before a block, and returns the end of
// the block. It fails with errBlockMismatch if the block is not of this log.
func (c *cover) place(block *index.Block) (eventlog.Point, error) {
	if err := c.store.checkReach(block); err != nil {
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

// discard removes a block that cannot be used, so that it is built again.
func (c *cover) discard(name string, err error) error {
	c.store.options.Logger.Warn("an index block is not sound and is built again from the log", "error", err)
	return c.store.removeIndexFile(name)
}

// checkReach fails if a block covers groups that the log does not have. A block
// covers only what is durable, so then the end of the log has been lost.
func (s *Store) checkReach(block *index.Block) error {
	tail := s.log.Tail()
	if block.LastGroup <= tail.Index {
		return nil
	}
	return &vfs.CorruptionError{
		File: s.log.SegmentName(tail.Next),
		What: fmt.Sprintf("the log ends with group %d, and the index has seen group %d: the end of the log is lost (if you have restored an older log on purpose, remove %s)", tail.Index, block.LastGroup, s.indexDir()),
	}
}

// fill builds blocks up to the group of index last.
func (c *cover) fill(last uint64) error {
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

// finish reads what lies behind the blocks, and keeps in memory what is not a full
// block.
func (c *cover) finish() error {
	c.atTail = true
	tail := c.store.log.Tail()
	if c.end.Tail.Index == tail.Index && c.end.Tail != tail {
		segments := c.store.log.Segments()
		return &vfs.CorruptionError{File: segments[len(segments)-1].Name, What: fmt.Sprintf("it does not continue group %d, which is before it", tail.Index)}
	}
	rest, err := c.replay(tail.Index)
	if err != nil {
		return err
	}
	c.memories = append(c.memories, rest)
	return nil
}

// emit writes the blocks that wait, the oldest first. At the tail, those that
// cannot be written may wait in memory for the flusher, as while the store is open.
func (c *cover) emit(m *memory) error {
	c.memories = append(c.memories, m)
	if c.store.options.ReadOnly {
		return c.store.mayHold(len(c.memories))
	}
	for len(c.memories) > 0 {
		block, err := c.builder.Flush(c.memories[0].HeadBlock, c.memories[0].span)
		if err != nil && c.atTail && len(c.memories) <= maxMemories {
			c.store.options.Logger.Warn("a block of the index could not be written; it will be tried again", "error", err)
			return nil
		}
		if err != nil {
			return err
		}
		c.blocks = append(c.blocks, &fileBlock{Block: block})
		c.memories = c.memories[1:]
	}
	return nil
}

func (c *cover) replay(last uint64) (*memory, error) {
	p := newProgress(c.store, c.end.Tail.Index, last)
	r := replay{store: c.store, ctx: context.Background(), emit: c.emit, progress: p.group}
	return r.run(c.end, last)
}
