package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// foreign is a group that another store has added to the shared log.
type foreign struct {
	index         uint64
	bytes         []byte     // header and payload
	startsSegment bool       // see eventlog.Sealed.Rolls
	writer        lastWriter // zero if another server has sent the group
}

// fromServer reports whether another server has sent the group, and not the shared log.
func (f foreign) fromServer() bool { return f.writer.process == sharedlog.ID{} }

// arrival is adjacent groups of other stores for the writer.
type arrival struct {
	groups []foreign
	reply  chan error
}

// adoptError is the error of adopting a group of the shared log, as opposed to reading it.
type adoptError struct {
	group uint64
	error
}

// Unwrap returns the error of the log of the store.
func (e *adoptError) Unwrap() error { return e.error }

// adopt adds groups of other stores to the log, and publishes them. It skips groups that the
// log has already. With an adoptError, it has adopted those before the one that failed. It
// waits while a group is proposed: the outcome comes first. It also waits while too many head blocks
// are to be written, unless that fails.
func (p *pipeline) adopt(ctx context.Context, groups []foreign) error {
	for {
		a := arrival{groups, make(chan error, 1)}
		select {
		case p.arrived <- a:
			if err := <-a.reply; !errors.Is(err, errFlusherBehind) {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errFlusherBehind is the reply to an arrival of which some groups must wait for the flusher.
var errFlusherBehind = errors.New("too many head blocks wait to be written")

// arrivals returns the channel of groups of other stores, or nil if none can be received now.
func (w *writer) arrivals() <-chan arrival {
	if w.inFlight != nil || !w.env.keepsUp(1) {
		return nil
	}
	return w.arrived
}

// adoptAll adopts groups. The callers of the open group, which cannot follow them, precheck
// again afterwards.
func (w *writer) adoptAll(groups []foreign) error {
	var callers []*operation
	defer func() { answerStale(callers) }()
	for _, f := range groups {
		if f.index < w.env.nextGroup() {
			continue
		}
		if !w.env.keepsUp(1) {
			return errFlusherBehind
		}
		if !w.open.empty() {
			w.env.withdraw(nil, w.open.mark)
			callers = w.discardOpen()
		}
		if err := w.adopt(f); err != nil {
			return &adoptError{f.index, err}
		}
	}
	return nil
}

// adoptWinners adopts the groups that the shared log has in place of a lost one. If the first
// one cannot be adopted, it may be the lost group, changed by the connection, so the outcome is
// unknown after all, and adoptWinners returns the error for its callers.
func (w *writer) adoptWinners(groups []foreign) error {
	for i, f := range groups {
		if err := w.adopt(f); err != nil {
			w.env.halt(f.index, &adoptError{f.index, err})
			if i == 0 {
				return record.UnknownOutcome(fmt.Sprintf("this server cannot adopt the record that the shared log has (%v)", err))
			}
			return nil
		}
	}
	return nil
}

// discardOpen empties the open group, which was withdrawn, and returns its callers.
func (w *writer) discardOpen() []*operation {
	callers := append(w.open.callers(nil), operations(w.deferred)...)
	w.waiting -= eventBytes(w.deferred)
	w.deferred = nil
	buffers := w.open.group
	buffers.clear()
	w.open.open(buffers, w.env.next())
	return callers
}

// adopt passes the next group of the shared log to the committer and waits until it is
// published. The committer must be free, and the open group empty.
func (w *writer) adopt(f foreign) error {
	if err := w.env.failure(); err != nil {
		return err
	}
	g, err := w.env.adopt(w.idle, f)
	if err != nil {
		w.idle.clear()
		if errors.Is(err, eventlog.ErrSegmentFailed) {
			return w.env.fail(err)
		}
		return err
	}
	w.idle = nil
	w.inFlight = &inFlight{first: g.first, tracking: g.tracking}
	w.open.open(w.open.group, w.env.next())
	w.sealed <- g
	w.settle(<-w.settled)
	return w.env.failure()
}

func (e storeEnvironment) adopt(g *group, f foreign) (sealedGroup, error) {
	if err := e.store.background.flushError.Load(); err != nil && tooManyHeadBlocks(e.heads(), 1) {
		return sealedGroup{}, copyBehind(*err)
	}
	g.bytes, g.adopted = append(g.bytes[:0], f.bytes...), true
	sealed, err := e.appender.Adopt(g.bytes, f.startsSegment)
	e.store.noteReserve(int64(len(f.bytes)), err)
	if err != nil {
		return sealedGroup{}, err
	}
	g.first, g.count = sealed.First, int(sealed.Count)
	g.block = e.newestOrNew(sealed)
	g.mark = g.block.mark()
	err = g.block.addRecords(&sealed.Group, e.store.verifiedRecords(&sealed.Group), func(info *dcb.TrackingInfo, terms []index.Term) {
		if info != nil {
			g.tracking[info.Source] = info.Position
		}
		for i := range terms {
			g.hashes = append(g.hashes, terms[i].Hash())
		}
	})
	if err != nil {
		e.withdraw(sealed, g.mark)
		return sealedGroup{}, err
	}
	e.store.shared.measures.adopted(f)
	if !f.fromServer() {
		e.store.shared.writers.wrote(f.writer.process, f.writer.address)
	}
	return sealedGroup{g, sealed}, nil
}

// newestOrNew returns the head block for an adopted group: the newest, or a new one if the
// newest is full.
func (e storeEnvironment) newestOrNew(sealed *eventlog.Sealed) *headBlock {
	last := e.store.newestHead()
	if last.empty() || !last.full(e.store.options.BlockEvents) && !sealed.Rolls() {
		return last
	}
	next := newHeadBlock(e.store.hasher, eventlog.Tail{Index: sealed.Index - 1, Next: sealed.First}, min(last.Terms(), maxExpectedTerms))
	e.store.states.change(func(st *state) { st.heads = append(st.heads, next) })
	return next
}

// groupsOf returns the groups of records, up to the first that cannot be decoded.
func groupsOf(records []sharedlog.Record) (groups []foreign, err error) {
	for _, r := range records {
		e, group, err := sharedlog.Decode(r.Bytes)
		if err != nil {
			return groups, err
		}
		groups = append(groups, foreign{index: r.Index, bytes: group, startsSegment: e.StartsSegment, writer: lastWriter{e.Writer, e.Address}})
	}
	return groups, nil
}
