package store

import (
	"context"
	"slices"
	"time"

	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// A shared log whose engine keeps few records is trimmed by the store that has written the last
// one. It removes what enough stores have on their disks, and keeps a tail, from which a store
// that was down for a while reads what it lacks. Older groups come from other stores.

// trimRule is when and how much a shared log is trimmed.
type trimRule struct {
	interval time.Duration
	// The tail has at least this age and this number of bytes of groups.
	age   time.Duration
	bytes int64
}

var defaultTrim = trimRule{interval: 10 * time.Second, age: time.Hour, bytes: 256 << 20}

// tailShare is the part of the space of the engine, as a divisor, from which a tail is cut off
// although it is not old.
const tailShare = 4

// trimmer trims a shared log.
type trimmer struct {
	*shared
	store   *Store
	limited sharedlog.Limited
	growth  growth
	through uint64 // index up to which this store has trimmed

	unreadable, halfFull bool // the last time that the space was asked for
}

// runTrimmer trims the shared log, if its engine keeps few records.
func (s *Store) runTrimmer() {
	sh, ctx := s.shared, s.background.ctx
	select {
	case <-sh.joined: // the log may not be open before, see sharedlog.Late
	case <-ctx.Done():
		return
	}
	t := &trimmer{shared: sh, store: s, limited: sharedlog.AsLimited(sh.Log)}
	if t.limited == nil {
		return
	}
	for ctx.Err() == nil {
		if err := t.trim(ctx); err != nil && ctx.Err() == nil {
			s.options.Logger.Debug("cannot trim the shared log; will try again", "error", err)
		}
		_ = retry.Wait(ctx, sh.trim.interval)
	}
}

// trim trims the shared log once.
func (t *trimmer) trim(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	end := t.store.published.Load()
	_, size, err := t.store.log.Extent(end.end)
	if err != nil {
		return err
	}
	t.growth.note(extent{end.group, size, clock()})
	space, err := t.limited.Space(ctx)
	if ctx.Err() == nil {
		t.warn(space, err)
	}
	if err != nil {
		return err
	}
	if !t.writers.state(t.process).Self {
		return nil
	}
	replicas, err := t.Log.Replicas(ctx)
	if err != nil {
		return err
	}
	through := min(copied(replicas, t.LogCopies), t.growth.before(t.shared.trim, clock(), space.Limit/tailShare))
	if through <= t.through {
		return nil
	}
	if err := t.Log.Trim(ctx, through); err != nil {
		return err
	}
	t.through = through
	t.measures.trimmed.Store(through)
	t.store.options.Logger.Debug("trimmed the shared log", "through", through)
	return nil
}

// copied returns the last group that a number of stores have on their disks, as they have
// reported.
func copied(replicas []sharedlog.Replica, copies int) uint64 {
	if len(replicas) < copies {
		return 0
	}
	var durable []uint64
	for _, r := range replicas {
		durable = append(durable, r.Durable)
	}
	slices.Sort(durable)
	return durable[len(durable)-copies]
}

// warn logs that the engine is half full, or cannot tell its space, when that begins.
func (t *trimmer) warn(space sharedlog.Space, err error) {
	unreadable := err != nil
	halfFull := err == nil && space.Limit > 0 && space.Used > space.Limit/2
	if unreadable && !t.unreadable {
		t.store.options.Logger.Warn("cannot read the space of the shared log", "error", err)
	}
	if halfFull && !t.halfFull {
		t.store.options.Logger.Warn("the engine of the shared log is half full; at its limit, appends wait", "used_mib", space.Used>>20, "limit_mib", space.Limit>>20)
	}
	t.unreadable, t.halfFull = unreadable, halfFull
}

// extent is how far a log reached at a time of the clock.
type extent struct {
	group uint64
	bytes int64
	at    time.Duration
}

// growth is how a log has grown since the store was opened.
type growth struct {
	extents  []extent // in order
	boundary uint64   // the last group before the tail
}

// maxExtents bounds the extents that are remembered.
const maxExtents = 512

// note adds the present extent. If there are many, it forgets every second one.
func (g *growth) note(now extent) {
	if len(g.extents) == maxExtents {
		kept := g.extents[:0]
		for i := 0; i < maxExtents; i += 2 {
			kept = append(kept, g.extents[i])
		}
		g.extents = kept
	}
	g.extents = append(g.extents, now)
}

// before returns the last group before the tail that a rule keeps. A tail of more than most bytes
// is cut off there, whatever its age. If most is 0, there is no such bound. What the log had when
// the store was opened is part of the tail until it has the age of a tail.
func (g *growth) before(rule trimRule, now time.Duration, most int64) uint64 {
	last := g.extents[len(g.extents)-1]
	at := 0 // of the newest extent that is before the tail
	for i, e := range g.extents {
		tail := last.bytes - e.bytes
		if now-e.at >= rule.age && tail >= rule.bytes || i > 0 && most > 0 && last.bytes-g.extents[i-1].bytes > most {
			at, g.boundary = i, e.group
		}
	}
	g.extents = slices.Delete(g.extents, 0, at)
	return g.boundary
}
