package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// listInterval is the shortest time between two listings of the index.
	listInterval = time.Second
	// openTries bounds how often blocks are listed again because one of them was replaced
	// before it was opened.
	openTries = 20
)

// readerIndex is what a reader knows of the directory of the index.
type readerIndex struct {
	names  []string  // of the files when they were opened
	listed time.Time // when they were last listed
	// outdated reports whether the block that follows the covered groups had an older format when
	// the blocks were opened: the writer is an older program, or has not started yet.
	outdated bool
	covered  uint64 // last group of the blocks that could be used
}

// checkIndex opens the blocks of the index again if there are others in the directory that can
// be used, and reports whether it did.
func (r *reader) checkIndex(ctx context.Context) (bool, error) {
	spans, err := r.listIndex()
	if err != nil || !r.stale.Load() && !r.hasNewBlocks(spans) {
		return false, err
	}
	return true, r.reload(ctx)
}

// hasNewBlocks reports whether opening the blocks again may help. While a writer of an older
// version adds and compacts blocks, it would only read the log once more.
func (r *reader) hasNewBlocks(spans []index.Span) bool {
	if r.outdated {
		return r.isUpgraded(spans)
	}
	return !slices.Equal(spanNames(spans), r.names)
}

// isUpgraded reports whether a block with the group after the covered ones has no older format.
func (r *reader) isUpgraded(spans []index.Span) bool {
	for _, span := range spans {
		if span.FirstGroup > r.covered+1 || span.LastGroup <= r.covered {
			continue
		}
		block, err := index.OpenBlock(r.store.files.index, span.FileName(), r.store.log.ID(), r.store.cache)
		var outdated *index.OutdatedError
		if errors.As(err, &outdated) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			_ = block.Close() // it was only read
		}
		return true
	}
	return false
}

// reload replaces the state by the blocks in the directory and head blocks for the groups
// after them, and publishes it.
func (r *reader) reload(ctx context.Context) error {
	stale := r.stale.Swap(false)
	err := r.replaceState(ctx)
	if err != nil && stale {
		r.stale.Store(true)
	}
	return err
}

func (r *reader) replaceState(ctx context.Context) error {
	var opened openedBlocks
	var spans []index.Span
	for try := 0; ; try++ {
		var err error
		spans, err = r.listIndex()
		if err == nil {
			opened, err = r.openBlocks(spans)
		}
		if err == nil {
			break
		}
		// A block that was compacted between the listing and the opening is gone.
		if !errors.Is(err, fs.ErrNotExist) || try == openTries {
			return err
		}
	}
	r.outdated, r.covered = opened.outdated, opened.end.Tail.Index
	var heads []*headBlock
	err := r.follow()
	if err == nil && r.follower.End().Tail.Index < opened.end.Tail.Index {
		err = r.lostGroup(opened.end.Tail.Index)
	}
	if err == nil {
		heads, err = r.replay(ctx, opened.end)
	}
	if err != nil {
		return errors.Join(err, opened.close())
	}
	r.end, r.names = r.follower.End(), spanNames(spans)
	r.reopened, r.partial = r.follower.Reopened(), false
	r.store.states.change(func(st *state) { st.blocks, st.heads = opened.blocks, heads })
	r.publish()
	return nil
}

// listIndex returns the groups of the blocks in the directory.
func (r *reader) listIndex() ([]index.Span, error) {
	r.listed = time.Now()
	if r.store.files.index == nil { // the store was being created when it was opened
		if err := r.store.files.openIndex(true); err != nil {
			return nil, err
		}
	}
	return r.store.blockFiles()
}

func spanNames(spans []index.Span) []string {
	names := make([]string, len(spans))
	for i, span := range spans {
		names[i] = span.FileName()
	}
	return names
}

// openedBlocks are blocks that cover the log from its start without a gap.
type openedBlocks struct {
	blocks   []*fileBlock
	opened   []*fileBlock   // those that the current state does not have
	end      eventlog.Point // of the groups that they cover
	outdated bool           // the block that follows has an older format
}

func (o *openedBlocks) close() error {
	var errs []error
	for _, b := range o.opened {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// openBlocks opens blocks. It moves the end of the durable groups after the last one, because
// a block covers only durable groups.
func (r *reader) openBlocks(spans []index.Span) (openedBlocks, error) {
	o := openedBlocks{end: r.store.log.Start()}
	err := r.follower.OpenSegments()
	for _, span := range spans {
		if err != nil || span.FirstGroup > o.end.Tail.Index+1 {
			break // a gap is filled by head blocks
		}
		if span.FirstGroup <= o.end.Tail.Index {
			continue // replaced by a compacted block
		}
		err = r.openBlock(span, &o)
	}
	if err != nil {
		return openedBlocks{}, errors.Join(err, o.close())
	}
	return o, nil
}

// openBlock adds a block, unless it is corrupt or does not match the log.
func (r *reader) openBlock(span index.Span, o *openedBlocks) error {
	s := r.store
	b := r.current(span)
	if b == nil {
		opened, err := index.OpenBlock(s.files.index, span.FileName(), s.log.ID(), s.cache)
		var corruption *vfs.CorruptionError
		if errors.As(err, &corruption) {
			s.options.Logger.Warn("an index block is corrupt; reading the log instead", "error", err)
			return nil
		}
		var outdated *index.OutdatedError
		if errors.As(err, &outdated) {
			o.outdated = true
			if r.outdated {
				return nil // it is logged once
			}
			s.options.Logger.Warn("an index block has an older format; reading the log instead, until a process of this version opens the store for writing", "error", err)
			return nil
		}
		if err != nil {
			return err
		}
		b = &fileBlock{Block: opened}
		defer func() {
			if !slices.Contains(o.blocks, b) {
				_ = b.Close() // it was only read
			}
		}()
	}
	g, valid, err := s.lastGroup(b.Block)
	if err != nil {
		return err
	}
	if !valid || b.First != o.end.Tail.Next {
		return r.explainBlock(b)
	}
	if b.states.Load() == 0 {
		o.opened = append(o.opened, b)
	}
	r.follower.SkipTo(g)
	o.blocks = append(o.blocks, b)
	o.end, o.outdated = g.End(), false
	return nil
}

// explainBlock returns the error for a block that does not match the log.
func (r *reader) explainBlock(b *fileBlock) error {
	segments := r.store.log.Segments()
	last := segments[len(segments)-1]
	if size, err := last.Size(); err != nil || b.Base > last.Base || b.Base == last.Base && b.Offset >= size {
		return errors.Join(err, r.lostGroup(b.LastGroup))
	}
	r.store.options.Logger.Warn("an index block does not match the log; reading the log instead", "error", errBlockMismatch{b.Name})
	return nil
}

// lostGroup returns the error for a group that only the index contains.
func (r *reader) lostGroup(group uint64) error {
	segments := r.store.log.Segments()
	return &vfs.CorruptionError{File: segments[len(segments)-1].Name, What: fmt.Sprintf("the index contains group %d, which the log does not: the end of the log is lost", group)}
}

// current returns the open block with a span, or nil if there is none that can be used.
func (r *reader) current(span index.Span) *fileBlock {
	for _, b := range r.store.states.current.Load().blocks {
		if b.FirstGroup == span.FirstGroup && b.LastGroup == span.LastGroup && !b.corrupt.Load() {
			return b
		}
	}
	return nil
}

// replay returns head blocks for the groups after a point.
func (r *reader) replay(ctx context.Context, from eventlog.Point) (heads []*headBlock, err error) {
	last := r.follower.End().Tail.Index
	p := newProgress(r.store, from.Tail.Index, last)
	replay := replay{store: r.store, ctx: ctx, progress: p.group, emit: func(h *headBlock) error {
		heads = append(heads, h)
		if indexIsMissing(heads) {
			return errIndexMissing
		}
		return nil
	}}
	rest, err := replay.run(from, last)
	return append(heads, rest), err
}

// markStale makes a later call open the index again, after a block was found corrupt: the
// writer may have rebuilt it.
func (r *reader) markStale() { r.stale.Store(true) }

// indexFiles returns the directory of the index, nil if there is none.
func (s *Store) indexFiles(ctx context.Context) (vfs.Dir, error) {
	if s.reader != nil {
		if err := s.reader.acquire(ctx); err != nil {
			return nil, err
		}
		defer s.reader.release()
	}
	return s.files.index, nil
}
