package model

import (
	"hash/maphash"
	"strings"
)

// findings is the result of exploring states.
type findings struct {
	states int
	depth  int          // the number of steps to the states that are farthest from the first
	taken  [actions]int // how often each action was taken
	broken violation
	trace  []string // the shortest sequence of steps to a state that breaks an invariant
}

// explore visits all states that can be reached, nearest first, up to the first that breaks
// an invariant. Of those that it visited it keeps a hash of 64 bits, and where it came from:
// with ten million states the probability that two have the same hash is below 1 in 100,000.
func explore(m *model) (found findings) {
	seed := maphash.MakeSeed()
	hash := func(s state) uint64 { return maphash.Comparable(seed, s.sorted()) }
	parents := map[uint64]uint64{hash(state{}): 0}
	for layer := []state{{}}; len(layer) > 0; {
		var following []state
		for i := range layer {
			parent := hash(layer[i])
			m.steps(&layer[i], func(next state, s step) {
				found.taken[s.action]++
				if found.broken != nothing || next == layer[i] {
					return
				}
				broken := m.check(&next)
				m.reduce(&next)
				key := hash(next)
				if _, known := parents[key]; known {
					return
				}
				parents[key] = parent
				following = append(following, next)
				if broken != nothing {
					found.broken = broken
					found.trace = m.trace(parents, key, hash)
				}
			})
		}
		layer = following
		if len(layer) > 0 {
			found.depth++
		}
		if found.broken != nothing {
			break
		}
	}
	found.states = len(parents)
	return found
}

// trace returns the steps from the start to the state with a hash. It takes the steps again,
// so that each node keeps its number from one to the next.
func (m *model) trace(parents map[uint64]uint64, to uint64, hash func(state) uint64) (lines []string) {
	path := []uint64{to}
	for at := parents[to]; parents[at] != 0; at = parents[at] {
		path = append(path, at)
	}
	at := state{}
	for i := len(path) - 1; i >= 0; i-- {
		before := at
		taken := false
		m.steps(&before, func(next state, s step) {
			after := next
			m.reduce(&next)
			if !taken && hash(next) == path[i] {
				lines = append(lines, m.describe(&before, &after, s))
				at, taken = next, true
			}
		})
	}
	return lines
}

func (f findings) String() string {
	return f.broken.String() + ", after\n" + strings.Join(f.trace, "\n")
}
