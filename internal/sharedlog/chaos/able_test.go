//go:build linux

package chaos

import (
	"context"
	"slices"
	"time"
)

// The time without an acknowledged append has two parts: the engine cannot commit, and then the
// nodes take a while to notice that it can. Only the second one is theirs.

const (
	// probeInterval is the pause between two commits at a member of the engine.
	probeInterval = 100 * time.Millisecond
	// steady is up to which time between two commits the engine could commit.
	steady = time.Second
)

// period is a part of a run.
type period struct{ from, to time.Duration }

func (p period) length() time.Duration { return p.to - p.from }

// forever is the end of a period that has not ended.
const forever = time.Duration(1<<63 - 1)

// probe commits at a member of the engine, again and again until ctx is done, and notes when that
// has succeeded.
func (w *world) probe(ctx context.Context, member int) {
	commit := w.engine.committer(member)
	for ctx.Err() == nil {
		if err := commit(ctx); err == nil {
			w.mu.Lock()
			w.commits = append(w.commits, w.now())
			w.mu.Unlock()
		}
		w.sleep(ctx, probeInterval)
	}
}

// exclude excludes the time until end is called: no node can reach the engine.
func (w *world) exclude() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := len(w.excluded)
	w.excluded = append(w.excluded, period{w.now(), forever})
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.excluded[at].to = w.now()
	}
}

// able returns the periods in which the engine could commit, without those that are excluded.
func able(commits []time.Duration, excluded []period) (periods []period) {
	commits = slices.Clone(commits)
	slices.Sort(commits) // they are of several members
	for i, at := range commits {
		if last := len(periods) - 1; i > 0 && at-commits[i-1] <= steady && last >= 0 {
			periods[last].to = at
		} else {
			periods = append(periods, period{at, at})
		}
	}
	for _, e := range excluded {
		var rest []period
		for _, p := range periods {
			if before := (period{p.from, min(p.to, e.from)}); before.from < before.to {
				rest = append(rest, before)
			}
			if after := (period{max(p.from, e.to), p.to}); after.from < after.to {
				rest = append(rest, after)
			}
		}
		periods = rest
	}
	return periods
}

// longestWithout returns the longest part of a period in which none of the events happened, which
// are in order.
func longestWithout(events []time.Duration, periods []period) (longest period) {
	for _, p := range periods {
		first, _ := slices.BinarySearch(events, p.from)
		past, _ := slices.BinarySearch(events, p.to)
		from := p.from
		for at := first; at <= past; at++ {
			to := p.to
			if at < past {
				to = events[at]
			}
			if to-from > longest.length() {
				longest = period{from, to}
			}
			from = to
		}
	}
	return longest
}

// gaps are the longest times without an acknowledged append.
type gaps struct {
	all  period
	able period // while the engine could commit
}

// gaps returns the longest gaps between the first acknowledged append and the end of the clients.
func (w *world) gaps(end time.Duration) (g gaps) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var acks []time.Duration
	for _, a := range w.acks {
		acks = append(acks, a.end)
	}
	slices.Sort(acks)
	if len(acks) == 0 {
		return gaps{period{0, end}, period{0, end}}
	}
	outside := []period{{0, acks[0]}, {end, forever}}
	g.all = longestWithout(acks, []period{{acks[0], end}})
	g.able = longestWithout(acks, able(w.commits, append(outside, w.excluded...)))
	return g
}
