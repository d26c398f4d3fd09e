package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// compactionWidth is the number of blocks of one level that become one block of
	// the next level.
	compactionWidth = 8
	// A compacted block has at most maxCompactedEvents events and maxCompactedBytes
	// bytes.
	maxCompactedEvents = 48 << 20
	maxCompactedBytes  = 4 << 30
	// compactionBytesPerSecond bounds the rate of writing, to leave the disk to appends. While
	// there are appends, pacedBytesPerSecond does, unless the store has more than
	// maxPacedBlocks blocks.
	compactionBytesPerSecond = 64 << 20
	pacedBytesPerSecond      = 16 << 20
	maxPacedBlocks           = 40
	compactionBurst          = 1 << 20
	// rebuildAgainAfter is when the rebuild of a block is tried again at the earliest, after it
	// failed because the log is corrupt.
	rebuildAgainAfter = time.Hour
)

// compactor compacts blocks, so that a lookup has few of them to search, and rebuilds
// corrupt ones. A compaction of large blocks takes long, so it is suspended while there are
// smaller ones to compact: otherwise too many of these would accumulate meanwhile.
type compactor struct {
	store   *Store
	limiter *rate.Limiter
	group   uint64 // the last one that was published before the last write
}

// runCompactor is the goroutine of the compactor.
func (s *Store) runCompactor() {
	b := &s.background
	c := compactor{store: s, limiter: rate.NewLimiter(compactionBytesPerSecond, compactionBurst)}
	failures := 0
	wake(b.compact)
	for b.wait(b.compact) {
		for worked := true; worked; {
			var err error
			worked, err = c.work()
			if err == nil {
				failures = 0
				continue
			}
			if errors.Is(err, context.Canceled) {
				return
			}
			s.options.Logger.Warn("cannot compact or rebuild index blocks; will try again", "error", err)
			failures++
			if !b.backoff(failures) {
				return
			}
			worked = true
		}
	}
}

// work rebuilds one corrupt block or does one compaction. It reports whether there was
// anything to do.
func (c *compactor) work() (worked bool, err error) {
	st := c.store.states.acquire()
	defer st.release()
	for i, b := range st.blocks {
		if b.corrupt.Load() && !time.Now().Before(b.rebuildAfter) {
			return true, c.store.postpone(b, c.store.rebuild(c.builder(0), st.blocks, i))
		}
	}
	return c.compactBelow(math.MaxUint32)
}

// compactBelow does one compaction of blocks below a level. It reports whether there was one
// to do.
func (c *compactor) compactBelow(level uint32) (worked bool, err error) {
	st := c.store.states.acquire()
	defer st.release()
	inputs := compactable(st.blocks, level)
	if inputs == nil {
		return false, nil
	}
	blocks, bytes := make([]*index.Block, len(inputs)), int64(0)
	for i, b := range inputs {
		blocks[i] = b.Block
		bytes += b.Bytes
	}
	release, ok := c.store.mayCompact(bytes)
	if !ok {
		return false, nil
	}
	defer release()
	c.store.compactions.begin(inputs)
	compacted, err := c.builder(inputs[0].Level()).Compact(blocks)
	c.store.compactions.end(err == nil)
	if err != nil {
		c.store.markCorrupt(inputs, err)
		return true, err
	}
	c.store.replace(inputs, []*fileBlock{{Block: compacted}})
	c.store.upkeep.compactions.Add(1)
	c.store.upkeep.compactedBytes.Add(uint64(compacted.Bytes))
	return true, nil
}

// builder returns the builder for a compaction of blocks of a level. While it writes, it is
// suspended for compactions below this level.
func (c *compactor) builder(level uint32) *index.Builder {
	return c.store.builder(compactTemp(level), func(bytes int) error {
		for {
			if worked, err := c.compactBelow(level); err != nil || !worked {
				return errors.Join(err, c.wait(bytes))
			}
		}
	})
}

// wait waits after a write of a number of bytes.
func (c *compactor) wait(bytes int) error {
	c.store.compactions.wrote(bytes)
	c.limiter.SetLimit(c.rate())
	return c.limiter.WaitN(c.store.background.ctx, bytes)
}

// rate returns the rate of writing, in bytes per second.
func (c *compactor) rate() rate.Limit {
	before := c.group
	c.group = c.store.published.Load().group
	return compactionRate(c.group != before, len(c.store.states.current.Load().blocks))
}

func compactionRate(appends bool, blocks int) rate.Limit {
	if appends && blocks <= maxPacedBlocks {
		return pacedBytesPerSecond
	}
	return compactionBytesPerSecond
}

// compactTemp returns the name of a block file that is written in a compaction of blocks of a
// level.
func compactTemp(level uint32) string {
	if level == 0 {
		return "join.tmp"
	}
	return fmt.Sprintf("join-%d.tmp", level)
}

// isCompactTemp reports whether name is a result of compactTemp.
func isCompactTemp(name string) bool {
	var level uint32
	_, err := fmt.Sscanf(name, "join-%d.tmp", &level)
	return name == compactTemp(0) || err == nil && name == compactTemp(level)
}

// compactable returns the adjacent blocks to compact next, as many as fit in one block, or nil:
// those of the lowest level, which must be below the given one, and the oldest of this level,
// so that no small block is left between larger ones.
func compactable(blocks []*fileBlock, below uint32) (found []*fileBlock) {
	for end := compactionWidth; end <= len(blocks); end++ {
		inputs := blocks[end-compactionWidth : end]
		level := inputs[0].Level()
		if level >= below || !sameLevel(inputs) {
			continue
		}
		if n := fitting(inputs); n > 1 {
			found, below = inputs[:n], level
		}
	}
	return found
}

// compactionBacklog returns the number of blocks that could be compacted now.
func compactionBacklog(blocks []*fileBlock) (n int) {
	for len(blocks) >= compactionWidth {
		inputs := blocks[:compactionWidth]
		found := 0
		if sameLevel(inputs) {
			found = fitting(inputs)
		}
		if found > 1 {
			n += found
			blocks = blocks[found:]
		} else {
			blocks = blocks[1:]
		}
	}
	return n
}

// sameLevel reports whether all blocks have the level of the first, and none is corrupt.
func sameLevel(blocks []*fileBlock) bool {
	for _, b := range blocks {
		if b.Level() != blocks[0].Level() || b.corrupt.Load() {
			return false
		}
	}
	return true
}

// fitting returns the number of leading blocks that fit in one compacted block.
func fitting(blocks []*fileBlock) int {
	var events uint64
	var bytes int64
	for i, b := range blocks {
		events += b.Events
		bytes += b.Bytes
		if events > maxCompactedEvents || bytes > maxCompactedBytes {
			return i
		}
	}
	return len(blocks)
}

// postpone postpones another rebuild of a block if the last one has failed because the log is
// corrupt, and logs that once. It returns any other error of the rebuild.
func (s *Store) postpone(b *fileBlock, err error) error {
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) {
		return err
	}
	if b.rebuildAfter.IsZero() {
		s.options.Logger.Error("a corrupt index block cannot be rebuilt, because the log is corrupt; reads that use it fail", "block", b.Name, "error", err)
	}
	b.rebuildAfter = time.Now().Add(rebuildAgainAfter)
	return nil
}

// rebuild replaces a block with blocks built from the log. They have the size of
// flushed blocks, and will be compacted again.
func (s *Store) rebuild(builder *index.Builder, blocks []*fileBlock, i int) error {
	defer s.willWrite(blocks[i].Bytes)()
	from := s.log.Start()
	if i > 0 {
		end, err := s.endOf(blocks[i-1].Block)
		if err != nil {
			return err
		}
		from = end
	}
	var rebuilt []*fileBlock
	r := replay{store: s, ctx: s.background.ctx, emit: func(h *headBlock) error {
		block, err := builder.Flush(h.HeadBlock, h.span)
		if err == nil {
			rebuilt = append(rebuilt, &fileBlock{Block: block})
		}
		return err
	}}
	rest, err := r.run(from, blocks[i].LastGroup)
	if err == nil && !rest.empty() {
		err = r.emit(rest)
	}
	if err != nil {
		for _, b := range rebuilt {
			err = errors.Join(err, b.Close())
		}
		return err
	}
	s.replace(blocks[i:i+1], rebuilt)
	s.upkeep.rebuilt.Add(1)
	s.options.Logger.Info("the corrupt index block has been rebuilt", "block", blocks[i].Name)
	return nil
}
