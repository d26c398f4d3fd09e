package store

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Stats is what a store holds, and what it takes, as of one moment.
type Stats struct {
	Head   uint64 `json:"head"` // the position of the last event
	Events uint64 `json:"events"`
	// FirstCommit and LastCommit are the times of the first and the last commit
	// that wrote anything; zero if there was none.
	FirstCommit time.Time `json:"first_commit,omitzero"`
	LastCommit  time.Time `json:"last_commit,omitzero"`

	Segments   int    `json:"segments"`
	LogBytes   int64  `json:"log_bytes"` // up to the end of the last group
	Blocks     int    `json:"blocks"`
	IndexBytes int64  `json:"index_bytes"`      // of the blocks
	Uncovered  uint64 `json:"uncovered_events"` // that no block has yet: they are in memory
	DiskBytes  int64  `json:"disk_bytes"`       // of all files, with the room made ahead of need

	Types   TermStats `json:"types"`
	Tags    TermStats `json:"tags"`
	Sources uint64    `json:"tracking_sources"`
}

// TermStats is how many different types or tags there are, and which of them
// have the most events.
type TermStats struct {
	Distinct uint64      `json:"distinct"`
	Top      []TermCount `json:"top"` // the most frequent first
}

// TermCount is a type or a tag with how many events have it.
type TermCount struct {
	Name   string `json:"name"`
	Events uint64 `json:"events"`
}

// StatsOptions shape Stats. The zero value works.
type StatsOptions struct {
	// Top is how many types and how many tags are named. Default none.
	Top int
	// Progress is told about how many of all entries of the index have been
	// counted. nil for nobody.
	Progress func(done, all uint64)
}

// Stats counts what the store holds: exactly, and however much it is, in memory
// that the options and the newest events bound. It reads the terms of the whole
// index, not the log. Until it ends, closing waits.
func (s *Store) Stats(ctx context.Context, options *StatsOptions) (*Stats, error) {
	if options == nil {
		options = new(StatsOptions)
	}
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	w := s.whole()
	defer w.release()
	stats := &Stats{Head: w.head, Events: w.head, Uncovered: w.head, Blocks: len(w.blocks)}
	for _, b := range w.blocks {
		stats.IndexBytes += b.Bytes
		stats.Uncovered -= b.Events
	}
	err := s.countTerms(ctx, w, options, stats)
	if err == nil {
		err = s.measureLog(ctx, w, stats)
	}
	if err == nil {
		err = s.measureFiles(stats)
	}
	if err != nil {
		return nil, storeError(err, "counting what the store holds")
	}
	return stats, nil
}

func (s *Store) countTerms(ctx context.Context, w whole, options *StatsOptions, stats *Stats) error {
	types, tags := ranking{most: options.Top}, ranking{most: options.Top}
	err := s.termTotals(ctx, w, options.Progress, func(t *index.TermTotal) bool {
		switch {
		case t.IsSource():
			stats.Sources++
		case t.Kind == index.KindType:
			types.add(TermCount{t.Text, t.Count})
		default:
			tags.add(TermCount{t.Text, t.Count})
		}
		return true
	})
	stats.Types, stats.Tags = types.stats(), tags.stats()
	return err
}

// measureLog finds the first and the last commit, and the log's end. It reads
// the first group, and what no block covers yet.
func (s *Store) measureLog(ctx context.Context, w whole, stats *Stats) error {
	for g, err := range s.log.Groups(s.log.Start(), w.group) {
		if err != nil {
			return err
		}
		if g.Kind == eventlog.KindRecords {
			stats.FirstCommit = time.Unix(0, g.Time).UTC()
			break
		}
	}
	end := s.log.Start()
	if n := len(w.blocks); n > 0 {
		var err error
		if end, err = s.endOf(w.blocks[n-1].Block); err != nil {
			return s.explainMismatch(err, w.blocks[n-1].Block)
		}
	}
	for g, err := range s.log.Groups(end, w.group) {
		if err == nil {
			err = s.interrupted(ctx)
		}
		if err != nil {
			return err
		}
		end = g.End()
	}
	if !stats.FirstCommit.IsZero() {
		stats.LastCommit = time.Unix(0, end.Tail.Time).UTC()
	}
	stats.LogBytes = end.Offset
	for _, segment := range s.log.Segments() {
		if segment.Base > end.Base {
			break
		}
		stats.Segments++
		if segment.Base < end.Base {
			size, err := segment.Size()
			if err != nil {
				return err
			}
			stats.LogBytes += size
		}
	}
	return nil
}

// explainMismatch gives the error for a log that had a block's last group when
// the store was opened, and has it no more.
func (s *Store) explainMismatch(err error, b *index.Block) error {
	var mismatch errBlockMismatch
	if !errors.As(err, &mismatch) {
		return err
	}
	return &vfs.CorruptionError{File: s.log.SegmentName(b.Base), Offset: b.Offset, What: "the group that the index ends with is not there any more"}
}

// measureFiles sums the sizes of all files of the store.
func (s *Store) measureFiles(stats *Stats) error {
	for _, dir := range []vfs.Dir{s.files.root, s.files.log, s.files.index} {
		if dir == nil {
			continue // a store that is only read may have no index
		}
		names, err := dir.List()
		if err != nil {
			return err
		}
		for _, name := range names {
			if dir == s.files.root && name != lockName {
				continue // a directory, or none of ours
			}
			size, err := fileSize(dir, name)
			var damage *vfs.CorruptionError
			if errors.Is(err, fs.ErrNotExist) || errors.As(err, &damage) {
				continue // renamed or removed by now, or a directory
			}
			if err != nil {
				return err
			}
			stats.DiskBytes += size
		}
	}
	return nil
}

func fileSize(dir vfs.Dir, name string) (int64, error) {
	f, err := dir.Open(name)
	if err != nil {
		return 0, err
	}
	size, err := f.Size()
	return size, errors.Join(err, f.Close())
}
