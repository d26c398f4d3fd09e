package store

import (
	"context"

	"github.com/umadb-go/umadb/internal/index"
)

// totalsEvery is after how many terms a walk over all of them looks whether it is
// still wanted.
const totalsEvery = 4096

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

// termTotals visits the terms of all blocks and memory blocks together, each once,
// until visit returns false. progress is told how many entries, of all that the
// blocks have, are done at the least.
func (s *Store) termTotals(ctx context.Context, w whole, progress func(done, all uint64), visit func(*index.TermTotal) bool) error {
	blocks := make([]*index.Block, len(w.blocks))
	all := uint64(0)
	for i, b := range w.blocks {
		blocks[i] = b.Block
		all += b.Terms()
	}
	var memories [][]index.TermTotal
	for _, m := range w.memories {
		memory := m.TermTotals(w.head)
		memories = append(memories, memory)
		all += uint64(len(memory))
	}
	done := uint64(0)
	for total, err := range index.TermTotals(blocks, memories) {
		if err != nil {
			s.suspect(w.blocks, err)
			return err
		}
		if done%totalsEvery == 0 {
			if err := s.interrupted(ctx); err != nil {
				return err
			}
			if progress != nil {
				progress(done, all)
			}
		}
		done++
		if !visit(&total) {
			return nil
		}
	}
	return nil
}
