//go:build linux

package chaos

import (
	"slices"
	"time"
)

// target is what a fault concerns. Two faults at the same time concern different targets.
type target string

const (
	engineOnly target = "engine"
	nodesOnly  target = "nodes"
	linksOnly  target = "links"
	everything target = "everything" // of faults after which a takeover is measured
)

// excludes reports whether faults of two targets must not happen at the same time.
func (t target) excludes(other target) bool {
	return t == other || t == everything || other == everything
}

// heal ends a fault; nil if it ends without that.
type heal func()

// fault is something that may happen. Its functions run in the goroutine of the test.
type fault struct {
	name   string
	weight int // how often it happens in comparison with others
	of     target
	start  func(*world) heal
}

// active is a fault that was started.
type active struct {
	fault
	heal  heal
	until time.Duration
}

// attack causes faults, by a schedule that the seed determines, until the given time.
func (w *world) attack(faults []fault, until time.Duration) {
	var now []active
	for w.now() < until && !w.Failed() {
		now = w.healDue(now, w.now())
		total := 0
		var possible []fault
		for _, f := range faults {
			if !slices.ContainsFunc(now, func(a active) bool { return a.of.excludes(f.of) }) {
				possible, total = append(possible, f), total+f.weight
			}
		}
		if len(possible) > 0 {
			f := choose(possible, w.chance.IntN(total))
			w.note("start: %s", f.name)
			w.faults[f.name]++
			h := f.start(w)
			if f.of == everything {
				w.pause(time.Second, 3*time.Second)
			}
			// Most faults are short, and some are longer than the time limits of clients and nodes.
			hold := time.Duration(w.chance.Int64N(int64(4 * time.Second)))
			if w.chance.IntN(5) == 0 {
				hold *= 4
			}
			now = append(now, active{f, h, w.now() + hold})
		}
		w.pause(50*time.Millisecond, 1200*time.Millisecond)
	}
	w.healDue(now, 1<<62)
}

// choose returns the fault at a place among the weights.
func choose(faults []fault, at int) fault {
	for _, f := range faults {
		if at -= f.weight; at < 0 {
			return f
		}
	}
	panic("the place is beyond the weights")
}

// healDue ends the faults that have lasted long enough, and returns the others.
func (w *world) healDue(now []active, at time.Duration) (rest []active) {
	for _, a := range now {
		if a.until > at {
			rest = append(rest, a)
			continue
		}
		if a.heal != nil {
			a.heal()
		}
		w.note("ended: %s", a.name)
	}
	return rest
}
