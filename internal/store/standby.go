package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Standby is a store whose log is a copy of that of a server, group by group. It can be read
// like any other store; appends fail. One goroutine at a time calls Write and Sync.
type Standby struct{ *Store }

// standby is the part of a store that only a standby has.
type standby struct {
	// What Write has added since the last Sync. Readers see it afterwards.
	tracking []receivedTracking
	hashes   []uint64 // of the terms of the events

	mark       vfs.File  // the open file standbyName
	written    time.Time // when it was last written
	markFailed bool      // whether that failed

	mu      sync.Mutex // guards all below
	content standbyMark
	// connected reports whether the server is reachable, and group is its last known group.
	connected bool
	group     uint64
	caughtUp  time.Time // when the copy last had everything that the server had; zero if unknown
}

// receivedTracking is a tracking position of a group that is not durable.
type receivedTracking struct {
	block *headBlock
	info  dcb.TrackingInfo
}

// markInterval is the shortest time between two writes of what is known of the server.
const markInterval = time.Second

// OpenStandby opens the directory of a standby, which MarkStandby has marked. Its log must
// contain a segment. server is the address of the server to follow.
func OpenStandby(dir, server string, options *Options) (*Standby, error) {
	s := newStore(following, dir, options)
	s.standby = &standby{content: standbyMark{server: server}}
	if err := s.openWritable(context.Background()); err != nil {
		return nil, err
	}
	return &Standby{s}, nil
}

// openReceiver opens the log for continuing it as a copy.
func (s *Store) openReceiver() error {
	receiver, err := eventlog.OpenReceiver(s.files.log)
	if err != nil {
		return err
	}
	s.receiver, s.log = receiver, receiver.Log()
	if len(s.log.Segments()) == 0 {
		return errors.Join(fmt.Errorf("%s: %w: nothing was copied yet", s.files.log.Path(), eventlog.ErrNoLog), receiver.Close())
	}
	return nil
}

// openMark opens the mark of the standby.
func (s *Store) openMark() error {
	b := s.standby
	m, marked, err := readStandbyMark(s.files.root)
	if err == nil && !marked {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("cannot open store %s as a standby: it is not marked as one", s.dir)}
	}
	if err == nil {
		b.mark, err = s.files.root.OpenWrite(standbyName)
	}
	if err != nil {
		return storeError(err, "reading the mark of the standby")
	}
	b.content.head, b.content.known = m.head, m.known
	if end := s.published.Load(); !m.known.IsZero() && m.head <= end.head {
		b.caughtUp = m.known
	} else if at := end.end.Tail.Time; at != 0 {
		b.caughtUp = time.Unix(0, at)
	}
	s.writeMark()
	return nil
}

// writeMark writes what is known of the server. It need not be durable, and is only for
// messages, so an error is logged. No lock is held while it is written: metrics need that of
// the standby.
func (s *Store) writeMark() {
	b := s.standby
	b.mu.Lock()
	content := b.content.encode()
	b.mu.Unlock()
	b.written = time.Now()
	_, err := b.mark.WriteAt(content, 0)
	if err != nil && !b.markFailed {
		s.options.Logger.Warn("what is known of the server cannot be written to the mark of the standby; following continues", "error", err)
	}
	b.markFailed = err != nil
}

// closeMark writes what is known of the server, and closes the file.
func (s *Store) closeMark() error {
	if s.standby.mark == nil {
		return nil
	}
	s.writeMark()
	return s.standby.mark.Close()
}

// refusal returns the error of appends if the store accepts none, however long it is open.
func (s *Store) refusal() error {
	switch s.mode {
	case reading:
		return errReadOnly
	case following:
		return &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("this server is a standby of %s and accepts no appends; append there, or promote this one with umadb promote", s.standby.content.server)}
	}
	return nil
}

// Tail returns the state of the log after the last group that was written.
func (b *Standby) Tail() eventlog.Tail { return b.receiver.Tail() }

// Write adds the next group of the server's log, as eventlog.Receiver does. Readers see it
// after Sync.
func (b *Standby) Write(g *eventlog.Group) error {
	s := b.Store
	if err := s.failureError(); err != nil {
		return err
	}
	h, err := b.headFor()
	if err == nil {
		err = b.reserve(g)
	}
	if err != nil {
		return err
	}
	if err := s.receiver.Write(g); err != nil {
		if !errors.Is(err, eventlog.ErrNotNext) {
			s.fail(err)
		}
		return err
	}
	placed, end := *g, s.receiver.End()
	placed.Base, placed.Offset = end.Base, end.Offset-int64(len(g.Payload))-eventlog.GroupPrefix
	err = h.addRecords(&placed, s.verifiedRecords(&placed), func(info *dcb.TrackingInfo, terms []index.Term) {
		if info != nil {
			s.standby.tracking = append(s.standby.tracking, receivedTracking{h, *info})
		}
		for _, term := range terms {
			s.standby.hashes = append(s.standby.hashes, term.Hash())
		}
	})
	if err != nil {
		s.fail(err) // a part of the group was added
	}
	return err
}

// reserve allocates space for the next group, within the limit of the disk space. Without
// space, the standby is as before, and Write may be called again.
func (b *Standby) reserve(g *eventlog.Group) error {
	s := b.Store
	err := s.receiver.Reserve(g, s.mayGrow)
	s.noteReserve(int64(len(g.SegmentHeader)+len(g.Header)+len(g.Payload)), err)
	switch {
	case err == nil:
		return nil
	case vfs.IsFull(err), vfs.IsTooManyFiles(err):
		return copyFull(err)
	}
	s.fail(err)
	return err
}

// FullError returns the error of Write for lack of space, until there is space; otherwise nil.
func (b *Standby) FullError() error {
	if r := b.disk.refusal.Load(); r != nil {
		return copyFull(r.cause)
	}
	return nil
}

// headFor returns the head block for the next group. If too many of them wait for the flusher, it
// waits too.
func (b *Standby) headFor() (*headBlock, error) {
	s := b.Store
	last := s.newestHead()
	if last.empty() || !last.full(s.options.BlockEvents) {
		return last, nil
	}
	for tooManyHeadBlocks(s.states.current.Load().heads, 1) {
		if err := b.Sync(); err != nil { // only durable groups can be flushed
			return nil, err
		}
		if err := s.background.flushError.Load(); err != nil {
			return nil, copyBehind(*err)
		}
		select {
		case <-s.background.flushed:
		case <-s.failed:
			return nil, s.failureError()
		case <-s.closing:
			return nil, dcb.ErrClosed
		}
	}
	h := newHeadBlock(s.hasher, s.receiver.Tail(), min(last.Terms(), maxExpectedTerms))
	s.states.change(func(st *state) { st.heads = append(st.heads, h) })
	return h, nil
}

// Sync makes the groups durable that were written, and shows them to readers.
func (b *Standby) Sync() error {
	s := b.Store
	if err := s.failureError(); err != nil {
		return err
	}
	before := s.published.Load()
	if s.receiver.Tail().Index > before.group {
		if err := s.receiver.Sync(); err != nil {
			s.fail(err)
			return err
		}
		b.publish(before)
	}
	if s.standby.synced(s.published.Load()) && time.Since(s.standby.written) >= markInterval {
		s.writeMark()
	}
	return nil
}

// publish shows the durable groups to readers.
func (b *Standby) publish(before *publishedHead) {
	s, added := b.Store, b.standby
	for _, t := range added.tracking {
		t.block.SetTracking(t.info.Source, t.info.Position)
	}
	s.publish(s.receiver.End())
	wake(s.background.announce)
	if len(s.states.current.Load().heads) > 1 {
		wake(s.background.flush)
	}
	s.watches.wake(added.hashes, published{clock(), before.head + 1})
	clear(added.tracking)
	added.tracking, added.hashes = added.tracking[:0], added.hashes[:0]
}

// synced notes that the copy is durable up to end. It reports whether the server is reachable.
func (b *standby) synced(end *publishedHead) (connected bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connected && end.group >= b.group {
		b.caughtUp = time.Now()
		b.content.head, b.content.known = end.head, b.caughtUp
	}
	return b.connected
}

// Reached notes that the server was reached, and has this last group and head.
func (b *Standby) Reached(group, head uint64) {
	m := b.standby
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connected = true
	m.group, m.content.head, m.content.known = group, head, time.Now()
}

// Lost notes that the server cannot be reached.
func (b *Standby) Lost() {
	m := b.standby
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connected = false
}

// Stopped notes that the standby has stopped following its server for now, and writes what is
// known of the server: what is missing may not change for a long time. It must not be called
// together with Write or Sync.
func (b *Standby) Stopped() {
	b.Lost()
	b.writeMark()
}

// StandbyState is how far a standby has followed its server.
type StandbyState struct {
	Server    string
	Connected bool
	Full      bool   // it has stopped following for lack of disk space
	Head      uint64 // of the server, when it was last known
	Missing   uint64 // positions that the server is known to have and the standby does not
	// Lag is for how long the standby may have been without something that the server has: 0 if it
	// is connected and has everything.
	Lag time.Duration
}

// StandbyState returns the state of a standby, or nil if the store is not one.
func (s *Store) StandbyState() *StandbyState {
	b := s.standby
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	end := s.published.Load()
	state := &StandbyState{Server: b.content.server, Connected: b.connected, Full: s.disk.refusal.Load() != nil, Head: max(b.content.head, end.head)}
	state.Missing = state.Head - end.head
	if (!b.connected || end.group < b.group) && !b.caughtUp.IsZero() {
		state.Lag = max(0, time.Since(b.caughtUp))
	}
	return state
}
