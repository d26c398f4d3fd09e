package store

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/time/rate"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// joinWidth is how many blocks of a level become one of the next.
	joinWidth = 8
	// A joined block has no more than maxJoinEvents events and maxJoinBytes bytes.
	maxJoinEvents = 32 << 20
	maxJoinBytes  = 1 << 30
	// joinBytesPerSecond keeps joining from taking the disk away from appends.
	joinBytesPerSecond = 64 << 20
	joinBurst          = 1 << 20
)

// runJoiner joins blocks, so that a lookup has few to look at, and builds those
// again in which damage was found.
func (s *Store) runJoiner() {
	b := &s.background
	limiter := rate.NewLimiter(joinBytesPerSecond, joinBurst)
	builder := s.builder(joinTemp, func(bytes int) error { return limiter.WaitN(b.ctx, bytes) })
	failures := 0
	wake(b.join)
	for b.wait(b.join) {
		for worked := true; worked; {
			var err error
			worked, err = s.tend(builder)
			if err == nil {
				failures = 0
				continue
			}
			if errors.Is(err, context.Canceled) {
				return
			}
			s.options.Logger.Warn("index blocks could not be joined or built again; it will be tried again", "error", err)
			failures++
			if !b.backoff(failures) {
				return
			}
			worked = true
		}
	}
}

// tend does one piece of work, if there is one.
func (s *Store) tend(builder *index.Builder) (worked bool, err error) {
	st := s.states.hold()
	defer st.release()
	for i, b := range st.blocks {
		if b.suspect.Load() {
			return true, s.rebuild(builder, st.blocks, i)
		}
	}
	run := joinable(st.blocks)
	if run == nil {
		return false, nil
	}
	return true, s.join(builder, run)
}

// joinable gives blocks that follow one another and are of one level: the oldest,
// so that none is left alone between larger ones, and as many as fit together.
func joinable(blocks []*fileBlock) []*fileBlock {
	for end := joinWidth; end <= len(blocks); end++ {
		run := blocks[end-joinWidth : end]
		level := run[0].Level()
		if slices.ContainsFunc(run, func(b *fileBlock) bool { return b.Level() != level }) {
			continue
		}
		if n := fitting(run); n > 1 {
			return run[:n]
		}
	}
	return nil
}

// fitting gives how many of the first blocks are not too large together.
func fitting(run []*fileBlock) int {
	var events uint64
	var bytes int64
	for i, b := range run {
		events += b.Events
		bytes += b.Bytes
		if events > maxJoinEvents || bytes > maxJoinBytes {
			return i
		}
	}
	return len(run)
}

func (s *Store) join(builder *index.Builder, run []*fileBlock) error {
	blocks := make([]*index.Block, len(run))
	for i, b := range run {
		blocks[i] = b.Block
	}
	joined, err := builder.Compact(blocks)
	if err != nil {
		s.suspect(run, err)
		return err
	}
	s.replace(run, []*fileBlock{{Block: joined}})
	return nil
}

// replace puts blocks in the place of others. A file that was replaced by one of
// the same name is not there any more to be removed.
func (s *Store) replace(old, others []*fileBlock) {
	for _, b := range old {
		b.obsolete.Store(!slices.ContainsFunc(others, func(other *fileBlock) bool { return other.Name == b.Name }))
	}
	s.states.change(func(st *state) { st.replaceBlocks(old, others) })
}

// suspect notes a block to be built again, if an error tells of damage in it.
func (s *Store) suspect(blocks []*fileBlock, err error) {
	if err == nil || s.options.ReadOnly {
		return
	}
	var damage *vfs.CorruptionError
	if !errors.As(err, &damage) {
		return
	}
	for _, b := range blocks {
		if b.Name == damage.File && !b.suspect.Swap(true) {
			s.options.Logger.Error("an index block is damaged and is built again from the log", "error", err)
			wake(s.background.join)
		}
	}
}

// rebuild makes a block again from the log: as the small blocks that joining
// will join again.
func (s *Store) rebuild(builder *index.Builder, blocks []*fileBlock, i int) error {
	from := s.log.Start()
	if i > 0 {
		end, err := s.endOf(blocks[i-1].Block)
		if err != nil {
			return err
		}
		from = end
	}
	var made []*fileBlock
	r := replay{store: s, ctx: s.background.ctx, emit: func(m *memory) error {
		block, err := builder.Flush(m.HeadBlock, m.span)
		if err == nil {
			made = append(made, &fileBlock{Block: block})
		}
		return err
	}}
	rest, err := r.run(from, blocks[i].LastGroup)
	if err == nil && !rest.empty() {
		err = r.emit(rest)
	}
	if err != nil {
		for _, b := range made {
			err = errors.Join(err, b.Close())
		}
		return err
	}
	s.replace(blocks[i:i+1], made)
	s.options.Logger.Info("the damaged index block has been built again", "block", blocks[i].Name)
	return nil
}
