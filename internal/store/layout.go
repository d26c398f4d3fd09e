package store

import (
	"context"
	"path/filepath"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// Layout describes the files of a store and the positions that they cover, at one moment.
type Layout struct {
	Head     uint64 // the position of the last event
	Segments []eventlog.SegmentExtent
	// NextSegmentBytes is the size of the file that will be the next segment; 0 if there is none.
	NextSegmentBytes int64
	Blocks           []BlockExtent // of the index, by position
	HeadBlocks       []BlockExtent // those in memory, by position; the last has the newest events
	Limits           HeadBlockLimits

	// Compactions are those in progress. All but the last are suspended.
	Compactions []Compaction
	// LastCompaction is the last one that has ended; its Ended is zero if there is none.
	LastCompaction    Compaction
	CompactionBacklog int // index blocks that could be compacted now
}

// BlockExtent describes a block of the index.
type BlockExtent struct {
	Name    string // of the file; empty for a block in memory
	First   uint64 // the first position
	Events  uint64
	Bytes   int64 // of the file, or of memory
	Level   uint32
	Terms   uint64
	Corrupt bool // it waits to be rebuilt
}

// HeadBlockLimits are the maximum sizes of a block in memory.
type HeadBlockLimits struct{ Events, Bytes, LogBytes int64 }

// Compaction describes a compaction of adjacent index blocks.
type Compaction struct {
	First, Events uint64 // the positions that the blocks cover
	Blocks        int    // number of blocks, and of their bytes
	Bytes         int64
	Level         uint32 // of the blocks
	Written       int64  // bytes
	Started       time.Time
	Ended         time.Time // zero if it is in progress
}

// Layout returns the files of the store. It reads none, but asks for the size of each segment.
func (s *Store) Layout(ctx context.Context) (*Layout, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if s.shared == nil {
		if err := s.refresh(ctx); err != nil {
			return nil, err
		}
	}
	st := s.states.acquire()
	defer st.release()
	published := s.published.Load() // after the state, so that its blocks cover no later events
	l := &Layout{
		Head:              published.head,
		Limits:            HeadBlockLimits{Events: int64(s.options.BlockEvents), Bytes: maxHeadBlockMemory, LogBytes: maxHeadBlockLog},
		CompactionBacklog: compactionBacklog(st.blocks),
	}
	var err error
	if l.Segments, l.NextSegmentBytes, err = s.log.Extents(published.end); err != nil {
		return nil, storeError(err, "measuring the log")
	}
	for _, b := range st.blocks {
		l.Blocks = append(l.Blocks, BlockExtent{
			Name: filepath.Base(b.Name), First: b.First, Events: b.Events, Bytes: b.Bytes,
			Level: b.Level(), Terms: b.Terms(), Corrupt: b.corrupt.Load(),
		})
	}
	for _, h := range st.heads {
		end := min(h.Next(), published.head+1) // the newest may have events that are not published
		l.HeadBlocks = append(l.HeadBlocks, BlockExtent{
			First: h.First(), Events: max(end, h.First()) - h.First(), Bytes: int64(h.Bytes()), Terms: uint64(h.Terms()),
		})
	}
	l.Compactions, l.LastCompaction = s.compactions.list()
	return l, nil
}
