package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Stats describes the contents of a store and the disk space it takes, at one moment.
type Stats struct {
	Head   uint64 `json:"head"` // the position of the last event
	Events uint64 `json:"events"`
	// FirstCommit and LastCommit are the times of the first and the last commit; zero
	// if there is none.
	FirstCommit time.Time `json:"first_commit,omitzero"`
	LastCommit  time.Time `json:"last_commit,omitzero"`

	Segments   int    `json:"segments"`
	LogBytes   int64  `json:"log_bytes"` // up to the end of the last group
	Blocks     int    `json:"blocks"`
	IndexBytes int64  `json:"index_bytes"`      // of the blocks
	Uncovered  uint64 `json:"uncovered_events"` // events that no block covers yet; they are in head blocks
	DiskBytes  int64  `json:"disk_bytes"`       // of all files, with preallocated space

	Types   TermStats `json:"types"`
	Tags    TermStats `json:"tags"`
	Sources uint64    `json:"tracking_sources"`
}

// TermStats is the number of distinct types or tags, and those with the most events.
type TermStats struct {
	Distinct uint64          `json:"distinct"`
	Top      []dcb.TermCount `json:"top"` // the most frequent first
}

// StatsOptions configure Stats. The zero value works.
type StatsOptions struct {
	// Top is the number of types and of tags to list. The default is 0.
	Top int
	// NameBytes is the maximum length of a listed name; a longer one is cut and ends with
	// "…". The default is unlimited.
	NameBytes int
	// Progress is called with the approximate number of index entries counted, and of
	// all. It may be nil.
	Progress func(done, all uint64)
}

// CachedBytes returns the bytes of memory that the cache takes.
func (s *Store) CachedBytes() int64 { return s.cache.Memory() }

// Stats counts the contents of the store. The counts are exact, and the memory needed
// is bounded by the options and the newest events. It reads the terms of the whole
// index, but not the log. Close waits until Stats returns.
func (s *Store) Stats(ctx context.Context, options *StatsOptions) (*Stats, error) {
	if options == nil {
		options = new(StatsOptions)
	}
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	w := s.exactSnapshot()
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
		err = s.measureFiles(ctx, stats)
	}
	if err != nil {
		return nil, storeError(err, "counting the contents of the store")
	}
	return stats, nil
}

func (s *Store) countTerms(ctx context.Context, w exactSnapshot, options *StatsOptions, stats *Stats) error {
	types := ranking{limit: options.Top, nameBytes: options.NameBytes, compare: CompareCounts}
	tags := types
	err := s.termTotals(ctx, w, options.Progress, func(t *index.TermTotal) bool {
		switch {
		case t.IsSource():
			stats.Sources++
		case t.Kind == index.KindType:
			types.add(dcb.TermCount{Name: t.Text, Events: t.Count})
		default:
			tags.add(dcb.TermCount{Name: t.Text, Events: t.Count})
		}
		return true
	})
	stats.Types = TermStats{Distinct: types.seen, Top: types.sorted()}
	stats.Tags = TermStats{Distinct: tags.seen, Top: tags.sorted()}
	return err
}

// totalsEvery is the number of terms after which termTotals checks for cancellation.
const totalsEvery = 4096

// termTotals calls visit with each distinct term of all blocks, whose text is valid until visit
// returns, until visit returns false. progress, which may be nil, is called with a lower bound of the entries
// visited, and the number of all entries.
func (s *Store) termTotals(ctx context.Context, w exactSnapshot, progress func(done, all uint64), visit func(*index.TermTotal) bool) error {
	blocks := make([]*index.Block, len(w.blocks))
	all := uint64(0)
	for i, b := range w.blocks {
		blocks[i] = b.Block
		all += b.Terms()
	}
	var heads []*index.HeadTerms
	for _, h := range w.heads {
		heads = append(heads, h.ReadTerms(w.head, index.TermSelection{}))
		all += uint64(h.Terms())
	}
	scan, err := index.ScanTerms(blocks, heads, nil)
	if err != nil {
		return err
	}
	for done := uint64(0); ; done++ {
		if done%totalsEvery == 0 {
			if err := s.interrupted(ctx); err != nil {
				return err
			}
			if progress != nil {
				progress(done, all)
			}
		}
		total, more, err := scan.Next()
		if err != nil {
			s.markCorrupt(w.blocks, err)
			return err
		}
		if !more || !visit(&total) {
			return nil
		}
	}
}

// measureLog finds the first and the last commit and the end of the log. It reads the
// first group, and the groups that no block covers yet.
func (s *Store) measureLog(ctx context.Context, w exactSnapshot, stats *Stats) error {
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
	var err error
	stats.Segments, stats.LogBytes, err = s.log.Extent(end)
	return err
}

// explainMismatch returns the error for a log that contained a block's last group when
// the store was opened, and no longer contains it.
func (s *Store) explainMismatch(err error, b *index.Block) error {
	var mismatch errBlockMismatch
	if !errors.As(err, &mismatch) {
		return err
	}
	return &vfs.CorruptionError{File: s.log.SegmentName(b.Base), Offset: b.Offset, What: fmt.Sprintf("group %d, the last in index block %s, is missing", b.LastGroup, b.Name)}
}

// measureFiles sums the sizes of all files of the store.
func (s *Store) measureFiles(ctx context.Context, stats *Stats) error {
	indexDir, err := s.indexFiles(ctx)
	if err != nil {
		return err
	}
	for _, dir := range []vfs.Dir{s.files.root, s.files.log, indexDir} {
		if dir == nil {
			continue // a read-only store may have no index
		}
		names, err := dir.List()
		if err != nil {
			return err
		}
		for _, name := range names {
			if dir == s.files.root && name != storedir.LockName && name != headName {
				continue // a directory, or a foreign file
			}
			size, err := fileSize(dir, name)
			var corruption *vfs.CorruptionError
			if errors.Is(err, fs.ErrNotExist) || errors.As(err, &corruption) {
				continue // renamed or removed since, or a directory
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
