package store

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// readerLog is what a reader knows of the log.
type readerLog struct {
	end      eventlog.Point // of the groups in the head blocks
	reopened int            // how often the follower had moved its end back then
	partial  bool           // a part of a group was added to a head block
	checked  time.Time      // when the paths were last checked
	accepted bool           // the end of a log that no process writes was verified
}

// update adds the new durable groups and publishes them.
func (r *reader) update(ctx context.Context) error {
	if r.failed != nil {
		return r.failed
	}
	r.looked = time.Now()
	look := r.looks.Add(1)
	err := r.updateOnce(ctx)
	if isCorruption(err) {
		// A clean-close record that was read may have been replaced meanwhile.
		err = r.updateOnce(ctx)
	}
	if err == nil {
		r.succeeded = look
	} else if isCorruption(err) {
		r.failed = err
	}
	if err == nil || r.failed != nil { // otherwise a group may be durable and not published
		r.settle()
	}
	return err
}

func isCorruption(err error) bool {
	var corruption *vfs.CorruptionError
	return errors.As(err, &corruption)
}

func (r *reader) updateOnce(ctx context.Context) error {
	err := r.checkPaths()
	if err == nil && time.Since(r.listed) >= listInterval {
		_, err = r.checkIndex(ctx)
	}
	if err == nil {
		err = r.follow()
	}
	if err == nil && (r.partial || r.reopened != r.follower.Reopened()) {
		err = r.reload(ctx)
	}
	if err == nil {
		err = r.extend(ctx)
	}
	if errors.Is(err, errIndexMissing) {
		if reloaded, failed := r.checkIndex(ctx); reloaded || failed != nil {
			err = failed
		}
	}
	return r.explainMissing(err)
}

// checkPaths fails if the store was moved or replaced.
func (r *reader) checkPaths() error {
	if time.Since(r.checked) < pollInterval {
		return nil
	}
	r.checked = time.Now()
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
	if a != nil && !a.isUnknown() && a.store != r.store.log.ID() {
		return &vfs.CorruptionError{File: r.store.log.SegmentName(r.follower.End().Base), What: "the log was replaced by that of another store"}
	}
	known := eventlog.GroupID{}
	if a != nil {
		known = a.group
	}
	if err := r.follower.Refresh(known); err != nil {
		return err
	}
	if !r.isUnwritten(a) || r.accepted && r.follower.Unconfirmed().Index == 0 {
		return nil
	}
	err = r.follower.Accept(func() (bool, error) {
		a, err := r.store.readAnnouncement()
		return r.isUnwritten(a), err
	})
	r.accepted = err == nil
	return err
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
			r.partial = true
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

// errIndexOutdated is errIndexMissing beside a writer that does not build blocks of this format.
var errIndexOutdated = &dcb.Error{Kind: dcb.ErrIO, Detail: "cannot read the store beside other processes: its index has an older format, and the log is too long to be read without one; upgrade the process that has the store open, or open the store for writing once, which rebuilds the index"}

// explainMissing returns errIndexOutdated instead of errIndexMissing if that is the cause.
func (r *reader) explainMissing(err error) error {
	if r.outdated && errors.Is(err, errIndexMissing) {
		return errIndexOutdated
	}
	return err
}
