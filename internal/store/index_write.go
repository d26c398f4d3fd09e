package store

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/time/rate"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Names of block files being written, one for each goroutine that writes them.
const (
	flushTemp   = "flush.tmp"
	compactTemp = "join.tmp"
)

func (s *Store) builder(temp string, throttle func(int) error) *index.Builder {
	return &index.Builder{Dir: s.files.index, Store: s.log.ID(), Cache: s.cache, Temp: temp, Throttle: throttle}
}

// runFlusher writes head blocks that are full and durable to files. After a failure it
// tries again, less and less often. Appends are refused only when too many head blocks
// wait.
func (s *Store) runFlusher() {
	b := &s.background
	builder := s.builder(flushTemp, nil)
	failures := 0
	wake(b.flush) // Open may have left some
	for b.wait(b.flush) {
		for h := s.flushable(); h != nil; h = s.flushable() {
			err := s.flush(builder, h)
			if err == nil {
				failures = 0
				b.flushError.Store(nil)
				wake(b.flushed)
				wake(b.compact)
				continue
			}
			s.options.Logger.Warn("cannot write an index block; will try again", "error", err)
			b.flushError.Store(&err)
			wake(b.flushed)
			failures++
			if !b.backoff(failures) {
				return
			}
		}
	}
}

// flushable returns the oldest head block if a newer one exists and its last group is
// durable, else nil. While it is called, no group is withdrawn from a head block.
func (s *Store) flushable() *headBlock {
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	heads := s.states.current.Load().heads
	if len(heads) < 2 || heads[0].span.LastGroup > s.published.Load().group {
		return nil
	}
	return heads[0]
}

func (s *Store) flush(builder *index.Builder, h *headBlock) error {
	block, err := builder.Flush(h.HeadBlock, h.span)
	if err != nil {
		return err
	}
	s.states.change(func(st *state) {
		st.blocks = append(st.blocks, &fileBlock{Block: block})
		st.heads = st.heads[1:]
	})
	return nil
}

// retire closes a block without references, and removes its file if it was replaced.
func (s *Store) retire(b *fileBlock) {
	err := b.Close()
	if err == nil && b.obsolete.Load() {
		err = s.files.index.Remove(b.FileName())
	}
	if err != nil {
		s.options.Logger.Warn("cannot close or remove an obsolete index block", "error", err)
	}
}

const (
	// compactionWidth is the number of blocks of one level that become one block of
	// the next level.
	compactionWidth = 8
	// A compacted block has at most maxCompactedEvents events and maxCompactedBytes
	// bytes.
	maxCompactedEvents = 32 << 20
	maxCompactedBytes  = 1 << 30
	// compactionBytesPerSecond bounds the rate of writing, to leave the disk to appends.
	compactionBytesPerSecond = 64 << 20
	compactionBurst          = 1 << 20
)

// runCompactor compacts blocks, so that a lookup has few of them to search, and
// rebuilds corrupt ones.
func (s *Store) runCompactor() {
	b := &s.background
	limiter := rate.NewLimiter(compactionBytesPerSecond, compactionBurst)
	builder := s.builder(compactTemp, func(bytes int) error { return limiter.WaitN(b.ctx, bytes) })
	failures := 0
	wake(b.compact)
	for b.wait(b.compact) {
		for worked := true; worked; {
			var err error
			worked, err = s.compactOne(builder)
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

// compactOne rebuilds one corrupt block or does one compaction. It reports whether
// there was anything to do.
func (s *Store) compactOne(builder *index.Builder) (worked bool, err error) {
	st := s.states.acquire()
	defer st.release()
	for i, b := range st.blocks {
		if b.corrupt.Load() {
			return true, s.rebuild(builder, st.blocks, i)
		}
	}
	inputs := compactable(st.blocks)
	if inputs == nil {
		return false, nil
	}
	return true, s.compact(builder, inputs)
}

// compactable returns the oldest adjacent blocks of one level that can be compacted, as
// many as fit in one block, or nil. The oldest come first, so that no small block is
// left between larger ones.
func compactable(blocks []*fileBlock) []*fileBlock {
	for end := compactionWidth; end <= len(blocks); end++ {
		inputs := blocks[end-compactionWidth : end]
		level := inputs[0].Level()
		if slices.ContainsFunc(inputs, func(b *fileBlock) bool { return b.Level() != level }) {
			continue
		}
		if n := fitting(inputs); n > 1 {
			return inputs[:n]
		}
	}
	return nil
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

func (s *Store) compact(builder *index.Builder, inputs []*fileBlock) error {
	blocks := make([]*index.Block, len(inputs))
	for i, b := range inputs {
		blocks[i] = b.Block
	}
	compacted, err := builder.Compact(blocks)
	if err != nil {
		s.markCorrupt(inputs, err)
		return err
	}
	s.replace(inputs, []*fileBlock{{Block: compacted}})
	return nil
}

// replace replaces blocks with others. A file that was overwritten by one of the same
// name must not be removed.
func (s *Store) replace(old, others []*fileBlock) {
	for _, b := range old {
		b.obsolete.Store(!slices.ContainsFunc(others, func(other *fileBlock) bool { return other.Name == b.Name }))
	}
	s.states.change(func(st *state) { st.replaceBlocks(old, others) })
}

// markCorrupt marks the block to be rebuilt that err reports as corrupt, if any.
func (s *Store) markCorrupt(blocks []*fileBlock, err error) {
	if err == nil || s.options.ReadOnly {
		return
	}
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) {
		return
	}
	for _, b := range blocks {
		if b.Name == corruption.File && !b.corrupt.Swap(true) {
			s.options.Logger.Error("an index block is corrupt; rebuilding it from the log", "error", err)
			wake(s.background.compact)
		}
	}
}

// rebuild replaces a block with blocks built from the log. They have the size of
// flushed blocks, and will be compacted again.
func (s *Store) rebuild(builder *index.Builder, blocks []*fileBlock, i int) error {
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
	s.options.Logger.Info("the corrupt index block has been rebuilt", "block", blocks[i].Name)
	return nil
}
