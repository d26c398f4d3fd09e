package store

import (
	"context"

	"github.com/umadb-go/umadb/internal/index"
)

// tallyEvery is after how many terms a walk over all of them looks whether it is
// still wanted.
const tallyEvery = 4096

// whole is all that is published at a moment: the state has just that in its
// blocks, and at least that with its memory blocks.
type whole struct {
	*state
	head, group uint64
}

// whole gives what is published now, to be released.
func (s *Store) whole() whole {
	for {
		published := s.published.Load()
		st := s.states.hold()
		n := len(st.blocks)
		if n == 0 || st.blocks[n-1].LastGroup <= published.group {
			return whole{st, published.head, published.group}
		}
		st.release() // a block was written in between
	}
}

// tallies visits the terms of all blocks and memory blocks together, each once,
// until visit returns false. progress is told how many entries, of all that the
// blocks have, are done at the least.
func (s *Store) tallies(ctx context.Context, w whole, progress func(done, all uint64), visit func(*index.Tally) bool) error {
	blocks := make([]*index.Block, len(w.blocks))
	all := uint64(0)
	for i, b := range w.blocks {
		blocks[i] = b.Block
		all += b.Terms()
	}
	var memories [][]index.Tally
	for _, m := range w.memories {
		memory := m.Tally(w.head)
		memories = append(memories, memory)
		all += uint64(len(memory))
	}
	done := uint64(0)
	for tally, err := range index.Tallies(blocks, memories) {
		if err != nil {
			s.suspect(w.blocks, err)
			return err
		}
		if done%tallyEvery == 0 {
			if err := s.interrupted(ctx); err != nil {
				return err
			}
			if progress != nil {
				progress(done, all)
			}
		}
		done++
		if !visit(&tally) {
			return nil
		}
	}
	return nil
}
