package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// pollInterval is how often a waiting subscription looks for new events.
	pollInterval = 50 * time.Millisecond
	// listInterval is the shortest time between two listings of the index.
	listInterval = time.Second
	// announceWait is how long a call waits until the last group that it has found is
	// durable. A writer that runs announces it earlier, unless its sync takes longer: then
	// the group was not acknowledged when the call started.
	announceWait = 500 * time.Millisecond
	// announcePoll is how often it looks meanwhile.
	announcePoll = time.Millisecond
	// openTries bounds how often blocks are listed again because one of them was replaced
	// before it was opened.
	openTries = 20
)

// reader follows a store in a directory that another process may have open for writing. It
// takes no lock and changes nothing. Calls refresh it when they start, and waiting
// subscriptions do so periodically; it has no goroutine.
//
// The index consists of the blocks in the directory and, for the groups after them, of head
// blocks of its own. When the writer has written or compacted blocks, they replace the head
// blocks and the older blocks.
type reader struct {
	store    *Store
	follower *eventlog.Follower

	mu        sync.Mutex     // guards all below, and the follower
	end       eventlog.Point // of the groups in the head blocks
	names     []string       // of the files of the index when they were opened
	listed    time.Time      // when they were last listed
	moved     time.Time      // when the paths were last checked
	doubted   uint64         // the last group for which a call has waited in vain
	accepted  bool           // the end of a log that no process writes was verified
	failed    error          // set once; no call succeeds afterwards
	refreshed time.Time      // when update was last called

	system systemID
}

// openReader opens a store for reading.
func (s *Store) openReader() error {
	r := &reader{store: s, follower: s.log.Follower(), system: newSystemID(s.options.FS.System())}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.publish()
	s.states.change(func(st *state) { st.heads = []*headBlock{newHeadBlock(s.hasher, s.log.Start().Tail, 0)} })
	s.reader = r
	return r.reload(context.Background())
}

// Follows reports whether another process may append to the store while it is open here.
func (s *Store) Follows() bool { return s.reader != nil }

func (r *reader) publish() { r.store.publish(r.follower.End()) }

// refresh makes everything visible that is durable. It does nothing if the store is not a
// reader.
func (s *Store) refresh(ctx context.Context) error {
	if s.reader == nil {
		return nil
	}
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	return storeError(s.reader.refresh(ctx), "looking for new events")
}

func (r *reader) refresh(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.update(ctx); err != nil {
		return err
	}
	found := r.follower.Doubtful().Index
	for until := time.Now().Add(announceWait); r.end.Tail.Index < found && found > r.doubted; {
		if time.Now().After(until) {
			r.doubted = found
			break
		}
		select {
		case <-time.After(announcePoll):
		case <-ctx.Done():
			return ctx.Err()
		case <-r.store.closing:
			return dcb.ErrClosed
		}
		if err := r.update(ctx); err != nil {
			return err
		}
	}
	return nil
}

// poll is refresh for a subscription: it does not wait, and returns at once if another call
// has refreshed lately.
func (r *reader) poll(ctx context.Context) error {
	if err := r.store.gate.enter(ctx); err != nil {
		return err
	}
	defer r.store.gate.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.refreshed) < pollInterval*9/10 {
		return nil
	}
	return storeError(r.update(ctx), "looking for new events")
}

// wait polls until a condition holds.
func (r *reader) wait(ctx context.Context, holds func() bool) error {
	timer := time.NewTicker(pollInterval)
	defer timer.Stop()
	for !holds() {
		if err := r.poll(ctx); err != nil {
			return err
		}
		if holds() {
			return nil
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.store.closing:
			return dcb.ErrClosed
		}
	}
	return nil
}

// update adds the new durable groups and publishes them.
func (r *reader) update(ctx context.Context) error {
	if r.failed != nil {
		return r.failed
	}
	r.refreshed = time.Now()
	err := r.checkPaths()
	if err == nil && time.Since(r.listed) >= listInterval {
		_, err = r.checkIndex(ctx)
	}
	if err == nil {
		err = r.follow()
	}
	if err == nil {
		err = r.extend(ctx)
	}
	if errors.Is(err, errIndexMissing) {
		if reloaded, failed := r.checkIndex(ctx); reloaded || failed != nil {
			err = failed
		}
	}
	var corruption *vfs.CorruptionError
	if errors.As(err, &corruption) {
		r.failed = err
	}
	return err
}

// checkPaths fails if the store was moved or replaced.
func (r *reader) checkPaths() error {
	if time.Since(r.moved) < pollInterval {
		return nil
	}
	r.moved = time.Now()
	if err := r.store.checkMoved("open the store again"); err != nil {
		r.failed = err
		return err
	}
	return nil
}

// follow finds the end of the durable groups.
func (r *reader) follow() error {
	a, err := r.store.readAnnouncement()
	if err != nil {
		return err
	}
	if a != nil && a.store != r.store.log.ID() {
		return &vfs.CorruptionError{File: r.store.log.SegmentName(r.follower.End().Base), What: "the log was replaced by that of another store"}
	}
	known := eventlog.GroupID{}
	if a != nil {
		known = a.group
	}
	if err := r.follower.Refresh(known); err != nil {
		return err
	}
	if !r.isUnwritten(a) || r.accepted && r.follower.Doubtful().Index == 0 {
		return nil
	}
	r.accepted = true
	return r.follower.Accept(func() (bool, error) {
		a, err := r.store.readAnnouncement()
		return r.isUnwritten(a), err
	})
}

// isUnwritten reports whether no process had written since the system was started, when an
// announcement, or none, was read: a writer announces its head before it writes a group.
func (r *reader) isUnwritten(a *announcement) bool {
	return a == nil || r.system.restartOf(a.system)
}

// extend adds the groups after the head blocks, and publishes them.
func (r *reader) extend(ctx context.Context) error {
	s := r.store
	h := s.newestHead()
	for g, err := range s.log.Groups(r.end, r.follower.End().Tail.Index) {
		if err == nil {
			err = s.interrupted(ctx)
		}
		if err != nil {
			return err
		}
		if !h.empty() && h.full(s.options.BlockEvents) {
			if h, err = r.addHead(&g, h); err != nil {
				return err
			}
		}
		if err := h.addGroup(&g, s.verifiedRecords(&g)); err != nil {
			r.failed = err // a part of the group was added
			return err
		}
		r.end = g.End()
	}
	r.end = r.follower.End()
	r.publish()
	return nil
}

// addHead adds a head block for a group and those after it.
func (r *reader) addHead(g *eventlog.Group, full *headBlock) (*headBlock, error) {
	s := r.store
	if indexIsMissing(s.states.current.Load().heads) {
		return nil, errIndexMissing
	}
	h := newHeadBlock(s.hasher, eventlog.Tail{Index: g.Index - 1, Next: g.First}, min(full.Terms(), maxExpectedTerms))
	s.states.change(func(st *state) { st.heads = append(st.heads, h) })
	return h, nil
}

// indexIsMissing reports whether a reader has so many head blocks that the writer cannot have
// as many that are not flushed. A writer may exceed its own bound by the group that is open and
// the one that is being committed, and the blocks of a reader start at other groups.
func indexIsMissing(heads []*headBlock) bool {
	return exceed(heads, 2*maxHeadBlocks, 2*maxHeadBlocksMemory)
}

// errIndexMissing is returned if the head blocks would take too much memory.
var errIndexMissing = &dcb.Error{Kind: dcb.ErrIO, Detail: "cannot read the store beside other processes: too much of its index is missing; wait until the process that has the store open has built it, or open a copy that can be written"}

// checkIndex opens the blocks of the index again if there are others in the directory, and
// reports whether it did.
func (r *reader) checkIndex(ctx context.Context) (bool, error) {
	spans, err := r.listIndex()
	if err != nil || slices.Equal(spanNames(spans), r.names) {
		return false, err
	}
	return true, r.reload(ctx)
}

// reload replaces the state by the blocks in the directory and head blocks for the groups
// after them, and publishes it.
func (r *reader) reload(ctx context.Context) error {
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
	if err := r.follow(); err != nil {
		return errors.Join(err, opened.close())
	}
	heads, err := r.replay(ctx, opened.end)
	if err != nil {
		return errors.Join(err, opened.close())
	}
	r.end, r.names = r.follower.End(), spanNames(spans)
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
	blocks []*fileBlock
	opened []*fileBlock   // those that the current state does not have
	end    eventlog.Point // of the groups that they cover
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
	o.end = g.End()
	return nil
}

// explainBlock returns the error for a block that does not match the log.
func (r *reader) explainBlock(b *fileBlock) error {
	segments := r.store.log.Segments()
	last := segments[len(segments)-1]
	if size, err := last.Size(); err != nil || b.Base > last.Base || b.Base == last.Base && b.Offset >= size {
		return errors.Join(err, &vfs.CorruptionError{File: last.Name, What: fmt.Sprintf("the index contains group %d, which the log does not: the end of the log is lost", b.LastGroup)})
	}
	r.store.options.Logger.Warn("an index block does not match the log; reading the log instead", "error", errBlockMismatch{b.Name})
	return nil
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
func (r *reader) markStale() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names = nil
}

// indexFiles returns the directory of the index, nil if there is none.
func (s *Store) indexFiles() vfs.Dir {
	if s.reader != nil {
		s.reader.mu.Lock()
		defer s.reader.mu.Unlock()
	}
	return s.files.index
}
