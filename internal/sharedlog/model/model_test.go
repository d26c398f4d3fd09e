package model

import (
	"flag"
	"testing"
	"time"
)

var lag = flag.Int("lag", 0, "explore TestProtocol up to this lag, instead of the one of each subtest")

// The larger explorations are prompt; the others show that this hides nothing.
func TestProtocol(t *testing.T) {
	for name, m := range map[string]model{
		"appends":                     {lag: 6, prompt: true},
		"appends, not prompt":         {lag: 2},
		"trims":                       {lag: 3, prompt: true, trims: true},
		"restarts":                    {lag: 2, prompt: true, restarts: true},
		"restarts and trims":          {lag: 2, prompt: true, restarts: true, trims: true},
		"restarts, trims, not prompt": {lag: 1, restarts: true, trims: true},
		"reads":                       {lag: 2, prompt: true, reads: true},
		"reads, restarts and trims":   {lag: 1, prompt: true, reads: true, restarts: true, trims: true},
		"two in flight, distinct":     {lag: 2, prompt: true, depth: 2, distinct: true},
		"forwards":                    {lag: 1, prompt: true, forwards: true},
		"forwards and restarts":       {lag: 1, prompt: true, forwards: true, restarts: true},
		"forwards and trims":          {lag: 1, prompt: true, forwards: true, trims: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if *lag > 0 {
				m.lag = uint8(*lag)
			}
			found := run(t, m)
			if found.broken != nothing {
				t.Fatal(found)
			}
			for a, count := range found.taken {
				if (count > 0) != m.takes(action(a)) {
					t.Errorf("action %d was taken %d times", a, count)
				}
			}
		})
	}
}

// takes reports whether a model without a flaw takes an action.
func (m *model) takes(a action) bool {
	switch a {
	case lose:
		return !m.prompt
	case trim, leaveUnknown:
		return m.trims
	case restart, landLate:
		return m.restarts
	case startRead, serveRead:
		return m.reads
	case forward, relay, disconnect:
		return m.forwards
	case refused, fail, resend:
		return false
	}
	return true
}

// run explores a model with one proposal in flight, unless it has another depth.
func run(t *testing.T, m model) findings {
	t.Helper()
	if m.lag > 7 {
		t.Fatalf("lag %d: a state can only hold 7", m.lag)
	}
	m.chains, m.depth = newChains(), max(m.depth, 1)
	start := time.Now()
	found := explore(&m)
	t.Logf("lag %d: %d states, at most %d steps from the first, in %v", m.lag, found.states, found.depth, time.Since(start))
	return found
}
