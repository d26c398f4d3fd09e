package store

import (
	"github.com/umadb-go/umadb/internal/index"
)

// Names of block files being written, one for each goroutine that does.
const (
	flushTemp = "flush.tmp"
	joinTemp  = "join.tmp"
)

func (s *Store) builder(temp string, throttle func(int) error) *index.Builder {
	return &index.Builder{Dir: s.files.index, Store: s.log.ID(), Cache: s.cache, Temp: temp, Throttle: throttle}
}

// runFlusher writes memory blocks that are full and durable to files. A failure
// harms nobody until too many wait: it tries again, less and less often.
func (s *Store) runFlusher() {
	b := &s.background
	builder := s.builder(flushTemp, nil)
	failures := 0
	wake(b.flush) // opening may have left some
	for b.wait(b.flush) {
		for m := s.flushable(); m != nil; m = s.flushable() {
			err := s.flush(builder, m)
			if err == nil {
				failures = 0
				b.flushError.Store(nil)
				wake(b.flushed)
				wake(b.join)
				continue
			}
			s.options.Logger.Warn("a block of the index could not be written; it will be tried again", "error", err)
			b.flushError.Store(&err)
			wake(b.flushed)
			failures++
			if !b.backoff(failures) {
				return
			}
		}
	}
}

// flushable gives the oldest memory block, if a newer one has followed it and
// its last group is durable.
func (s *Store) flushable() *memory {
	memories := s.states.current.Load().memories
	if len(memories) < 2 || memories[0].span.LastGroup > s.published.Load().group {
		return nil
	}
	return memories[0]
}

func (s *Store) flush(builder *index.Builder, m *memory) error {
	block, err := builder.Flush(m.HeadBlock, m.span)
	if err != nil {
		return err
	}
	s.states.change(func(st *state) {
		st.blocks = append(st.blocks, &fileBlock{Block: block})
		st.memories = st.memories[1:]
	})
	return nil
}

// retire closes a block that nobody uses any more, and removes its file if it
// was replaced.
func (s *Store) retire(b *fileBlock) {
	err := b.Close()
	if err == nil && b.obsolete.Load() {
		err = s.files.index.Remove(b.FileName())
	}
	if err != nil {
		s.options.Logger.Warn("an index block that is not needed any more could not be put away", "error", err)
	}
}
