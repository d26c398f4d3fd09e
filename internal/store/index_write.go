package store

import (
	"errors"
	"slices"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// flushTemp is the name of a block file that the flusher or Open is writing.
const flushTemp = "flush.tmp"

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
				s.upkeep.flushed.Add(1)
				failures = 0
				b.flushError.Store(nil)
				wake(b.flushed)
				wake(b.compact)
				continue
			}
			s.options.Logger.Warn("cannot write an index block; will try again", "error", err)
			b.flushError.Store(&err)
			s.upkeep.flushFailures.Add(1)
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
	synced := s.syncedGroup()
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	heads := s.states.current.Load().heads
	switch {
	case len(heads) < 2:
		return nil
	case heads[0].span.LastGroup > synced:
		if s.shared != nil && heads[0].span.LastGroup <= s.published.Load().group {
			wake(s.shared.syncNow)
		}
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
	s.states.blockBytes.Add(-b.Bytes)
	if err != nil {
		s.options.Logger.Warn("cannot close or remove an obsolete index block", "error", err)
	}
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
	if err == nil || s.mode == checking {
		return
	}
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) {
		return
	}
	for _, b := range blocks {
		if b.Name != corruption.File || b.corrupt.Swap(true) {
			continue
		}
		if s.reader != nil {
			s.reader.markStale()
		} else {
			s.options.Logger.Error("an index block is corrupt; rebuilding it from the log", "error", err)
			wake(s.background.compact)
		}
	}
}
