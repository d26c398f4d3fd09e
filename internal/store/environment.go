package store

import (
	"math"
	"runtime"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// environment is the part of the store that the commit pipeline uses.
type environment interface {
	// next returns the position of the next event to be appended.
	next() uint64
	// nextGroup returns the index of the next group to be sealed.
	nextGroup() uint64
	// lastTime returns the commit time of the last group that was sealed.
	lastTime() int64
	// reserve reserves space in the log, see eventlog.Appender.Reserve.
	reserve(used, more int) (payloadAt int64, err error)
	// seal assigns a place in the log to the group in bytes, or to the series if it has several
	// parts, see eventlog.Appender.Seal. It sets the time of parts with presentTime.
	seal(bytes []byte, parts []eventlog.Part) *eventlog.Sealed
	// withdraw undoes seal for a group that was not written, unless it is nil, and removes
	// from the head blocks what was added since the mark.
	withdraw(*eventlog.Sealed, headMark)
	// adopt makes an empty group that of another store, with a place in the log, and adds its
	// events to the newest head block. Its error is that of eventlog.Appender.Adopt, or a
	// vfs.CorruptionError if the group contains an invalid record, or that of a flusher that
	// fails; then nothing has changed.
	adopt(*group, foreign) (sealedGroup, error)

	// heads returns the head blocks, oldest first.
	heads() []*headBlock
	// headFor returns the head block for a group that starts with op: the newest, or a
	// new one if the newest is full.
	headFor(op *operation) *headBlock
	// keepsUp reports whether at most 1/share of the head blocks that may wait for the
	// flusher do so, or the flusher fails, which admit and adopt report.
	keepsUp(share int) bool
	// halt notes why a group of the shared log cannot be adopted.
	halt(group uint64, err error)
	// admit returns an error if no append can be accepted now.
	admit() error
	// limits returns the limits of groups.
	limits() groupLimits

	// publish makes a durable group visible to readers.
	publish(durableGroup)
	// notify wakes the subscriptions that may wait for the events of a published group.
	notify(durableGroup)

	// failure returns the error with which the store has failed, or nil.
	failure() error
	// fail moves the store to the failed state and returns the error for callers.
	fail(error) error
	// outOfSpace is called after reserve has failed for lack of space.
	outOfSpace()
	// yield lets other goroutines run.
	yield()
}

// storeEnvironment is the environment of a store's own pipeline.
type storeEnvironment struct {
	store    *Store
	appender *eventlog.Appender
}

func (e storeEnvironment) next() uint64 { return e.appender.Tail().Next }

func (e storeEnvironment) nextGroup() uint64 { return e.appender.Tail().Index + 1 }

func (e storeEnvironment) lastTime() int64 { return e.appender.Tail().Time }

func (e storeEnvironment) reserve(used, more int) (int64, error) {
	at, err := e.appender.Reserve(used, more)
	e.store.noteReserve(int64(used+more), err)
	return at, err
}

func (e storeEnvironment) seal(bytes []byte, parts []eventlog.Part) *eventlog.Sealed {
	now := time.Now().UnixNano()
	for i := range parts {
		if parts[i].Time == presentTime {
			parts[i].Time = now
		}
	}
	return e.appender.SealSeries(bytes, parts)
}

func (e storeEnvironment) withdraw(sealed *eventlog.Sealed, mark headMark) {
	if e.store.shared != nil {
		e.store.shared.measures.withdrawn.Add(1)
	}
	if sealed != nil {
		if err := e.appender.Withdraw(sealed); err != nil {
			e.store.options.Logger.Warn("cannot remove a preallocated log file; it is removed when the store is opened", "error", err)
		}
	}
	e.store.states.change(func(st *state) {
		for st.heads[len(st.heads)-1] != mark.block {
			st.heads = st.heads[:len(st.heads)-1]
		}
		mark.block.withdraw(mark)
	})
	mark.block.Truncate(mark.content)
}

func (e storeEnvironment) limits() groupLimits {
	if e.store.shared != nil {
		return e.store.shared.limits()
	}
	return groupLimits{full: maxGroupBytes, largest: math.MaxInt}
}

func (e storeEnvironment) heads() []*headBlock { return e.store.states.current.Load().heads }

func (e storeEnvironment) headFor(op *operation) *headBlock {
	s := e.store
	last := s.newestHead()
	if last.empty() || !last.full(s.options.BlockEvents) && last.fits(op) && !e.appender.Rolling() {
		return last
	}
	next := newHeadBlock(s.hasher, e.appender.Tail(), min(last.Terms(), maxExpectedTerms))
	s.states.change(func(st *state) { st.heads = append(st.heads, next) })
	return next
}

func (e storeEnvironment) keepsUp(share int) bool {
	return !tooManyHeadBlocks(e.heads(), share) || e.store.background.flushError.Load() != nil
}

func (e storeEnvironment) halt(group uint64, err error) { e.store.haltFor(group, err) }

func (e storeEnvironment) admit() error {
	if err := e.store.failureError(); err != nil {
		return err
	}
	if sh := e.store.shared; sh != nil {
		if sh.requests.Err() != nil { // a proposal would only end with an unknown outcome
			return dcb.ErrClosed
		}
		if err := e.store.halted(); err != nil {
			return notAppended(err)
		}
	}
	if err := e.store.background.flushError.Load(); err != nil && tooManyHeadBlocks(e.heads(), 1) {
		return indexBehind(*err)
	}
	return nil
}

// tooManyHeadBlocks reports whether the head blocks exceed 1/share of maxHeadBlocks or
// maxHeadBlocksMemory.
func tooManyHeadBlocks(heads []*headBlock, share int) bool {
	return exceed(heads, maxHeadBlocks/share, maxHeadBlocksMemory/share)
}

// exceed reports whether there are more head blocks than a number, or whether they take more
// memory. One head block is never too many.
func exceed(heads []*headBlock, most, memory int) bool {
	if len(heads) == 1 {
		return false
	}
	bytes := 0
	for _, head := range heads {
		bytes += head.Bytes()
	}
	return len(heads) > most || bytes > memory
}

// publish publishes first the tracking of the group, which is not bounded by the head, and
// then the head.
func (e storeEnvironment) publish(g durableGroup) {
	s := e.store
	for source, position := range g.tracking {
		g.block.SetTracking(source, position)
	}
	s.publish(g.sealed.End())
	if s.shared != nil {
		s.shared.applied()
	}
	wake(s.background.announce)
	if s.log.NeedsSpace() {
		wake(s.background.preallocate)
	}
	if len(e.heads()) > 1 {
		wake(s.background.flush)
	}
}

func (e storeEnvironment) notify(g durableGroup) {
	e.store.watches.wake(g.hashes, published{g.times.synced, g.first})
}

func (e storeEnvironment) failure() error { return e.store.failureError() }

func (e storeEnvironment) fail(err error) error {
	e.store.fail(err)
	return e.store.failureError()
}

func (e storeEnvironment) outOfSpace() { wake(e.store.background.preallocate) }

func (e storeEnvironment) yield() { runtime.Gosched() }
