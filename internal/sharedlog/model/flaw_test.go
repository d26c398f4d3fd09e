package model

import (
	"slices"
	"strings"
	"testing"
)

// Each flaw breaks an invariant in a few steps. D is a request that the model does not follow.
func TestFlaw(t *testing.T) {
	for _, c := range []struct {
		name string
		model
		broken violation
		trace  string
	}{
		{
			"the engine compares only the index, and a node has two proposals in flight",
			model{flaw: indexOnly, depth: 2, distinct: true}, builtOnAnother,
			`node 1 proposes {D} at 1
			 node 1 proposes {D} at 2
			 node 2 proposes {D} at 1
			 the engine adds {D} at 1 from node 2
			 the engine adds {D} at 2 from node 1`,
		},
		{
			"the engine adds a record if it has none at the index, and trims",
			model{flaw: createIfAbsent, trims: true, distinct: true}, twoWriters,
			`node 1 proposes {D} at 1
			 node 2 proposes {D} at 1
			 the engine adds {D} at 1 from node 1
			 node 1 learns that it added {D} at 1
			 node 3 applies {D} at 1
			 the engine trims index 1, which node 3 and node 1 have
			 the engine adds {D} at 1 from node 2
			 node 2 learns that it added {D} at 1`,
		},
		{
			"an unknown outcome is taken as failure",
			model{flaw: unknownIsFailure}, contradicted,
			`node 1 receives A and proposes {A} at 1
			 node 1 does not learn the outcome; A is answered "failed"
			 the engine adds {A} at 1, which arrived late`,
		},
		{
			"a refused proposal is taken as lost to another node",
			model{flaw: conflictIsForeign}, contradicted,
			`node 1 receives B and proposes {B} at 1
			 the engine adds {B} at 1 from node 1
			 node 1 learns that {B} at 1 was refused when it arrived again
			 node 1 applies {B} at 1; B is answered "rejected"`,
		},
		{
			"a proposal whose index is trimmed is taken as lost to another node",
			model{flaw: trimmedIsForeign, trims: true}, contradicted,
			`node 1 receives B and proposes {B} at 1
			 the engine adds {B} at 1 from node 1
			 node 2 applies {B} at 1
			 node 3 applies {B} at 1
			 the engine trims index 1, which node 3 and node 2 have
			 node 1 learns that index 1 is trimmed, and expects another record there
			 node 1 applies {B} at 1; B is answered "rejected"`,
		},
		{
			"a record is recognised by its chain alone",
			model{flaw: chainAlone}, twoWriters,
			`node 1 proposes {D} at 1
			 node 2 proposes {D} at 1
			 the engine adds {D} at 1 from node 1
			 node 1 learns that it added {D} at 1
			 node 2 does not learn the outcome, and recognises the record at 1`,
		},
		{
			"other bytes are sent again for the same index",
			model{flaw: otherBytes}, contradicted,
			`node 1 receives B and proposes {B} at 1
			 node 1 does not learn the outcome, reads no record at 1, and proposes {B,C} at 1
			 the engine adds {B} at 1, which arrived late
			 node 1 learns that index 1 has another record
			 node 1 applies {B} at 1; B is answered "rejected"`,
		},
		{
			"clients are answered before their record is decided",
			model{flaw: answeredEarly}, notDecided,
			`node 1 receives A and proposes {A} at 1; A is answered "accepted at 1"`,
		},
		{
			"a deferred rejection is answered though its cause is lost",
			model{flaw: deferredAnswered}, unjustified,
			`node 1 proposes {D} at 1
			 node 2 receives A,B and proposes {A} at 1
			 the engine adds {D} at 1 from node 1
			 node 2 learns that index 1 has another record; B is answered "rejected"`,
		},
		{
			"a node applies a record while its proposal is in flight",
			model{flaw: followedEarly}, appliedAgain,
			`node 1 proposes {D} at 1
			 the engine adds {D} at 1 from node 1
			 node 1 applies {D} at 1
			 node 1 learns that it added {D} at 1`,
		},
		{
			"a clean-close record takes an index",
			model{flaw: closeTakesIndex, restarts: true}, notPrefix,
			`node 1 closes with a record at 1`,
		},
		{
			"a fresh read uses a Last that started before it",
			model{flaw: freshJoins, reads: true}, staleRead,
			`node 1 receives A and proposes {A} at 1
			 node 2 receives a fresh read
			 the engine adds {A} at 1 from node 1
			 node 1 learns that it added {A} at 1; A is answered "accepted at 1"
			 node 2 receives a fresh read
			 node 2 serves the read at 0`,
		},
		{
			"a record is trimmed before two nodes have synced it",
			model{flaw: trimUnsynced, restarts: true, trims: true}, lost,
			`node 1 proposes {D} at 1
			 the engine adds {D} at 1 from node 1
			 node 1 learns that it added {D} at 1
			 node 2 applies {D} at 1
			 the engine trims index 1, which node 2 and node 1 have
			 node 1 restarts with its log up to 0`,
		},
		{
			"a node proposes a request that it has forwarded, when the connection breaks",
			model{flaw: forwardedAgain, forwards: true}, contradicted,
			`node 1 receives B and forwards it to node 2
			 node 1 loses the connection by which it forwarded B
			 node 2 proposes {B} at 1
			 the engine adds {B} at 1 from node 2
			 node 1 applies {B} at 1; B is answered "rejected"`,
		},
		{
			"a forwarded request is forwarded again",
			model{flaw: forwardedInRing, forwards: true}, ring,
			`node 1 receives A and forwards it to node 2
			 node 2 forwards A to node 1`,
		},
		{
			"a broken connection to another node is reported as failure",
			model{flaw: disconnectIsFailure, forwards: true}, contradicted,
			`node 1 receives A and forwards it to node 2
			 node 1 loses the connection by which it forwarded A; A is answered "failed"
			 node 1 receives A and proposes {A} at 1
			 the engine adds {A} at 1 from node 1`,
		},
		{
			"an answer is passed on before the node has the record",
			model{flaw: relayedEarly, forwards: true}, notApplied,
			`node 1 receives A and forwards it to node 2
			 node 2 proposes {A} at 1
			 the engine adds {A} at 1 from node 2
			 node 2 learns that it added {A} at 1
			 node 1 receives the answer to A; A is answered "accepted at 1"`,
		},
		// Node 1 recognises by the writer that it lost index 1. But the chain is the one on
		// which it built its second proposal.
		{
			"a node has two proposals in flight, and another makes an equal record",
			model{depth: 2}, contradicted,
			`node 1 proposes {D} at 1
			 node 1 receives B and proposes {B} at 2
			 node 2 proposes {D} at 1
			 the engine adds {D} at 1 from node 2
			 node 1 learns that index 1 has another record
			 node 1 applies {D} at 1
			 the engine adds {B} at 2, which arrived late
			 node 1 applies {B} at 2; B is answered "rejected"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.lag = 3
			found := run(t, c.model)
			t.Log(found)
			want := strings.Split(c.trace, "\n")
			for i := range want {
				want[i] = strings.TrimSpace(want[i])
			}
			if found.broken != c.broken || !slices.Equal(found.trace, want) {
				t.Errorf("want: %v, after\n%s", c.broken, strings.Join(want, "\n"))
			}
		})
	}
}

// Some invariants depend on each other: no flaw breaks these first.
func TestCheck(t *testing.T) {
	const a, b, c = group(1), group(2), group(4)
	m := model{chains: newChains()}
	log := func(groups ...group) (head chain) {
		for _, g := range groups {
			head = m.extend(head, g)
		}
		return head
	}
	for name, test := range map[string]struct {
		s    state
		want violation
	}{
		"two requests":                {state{head: log(a, c)}, nothing},
		"requests that conflict":      {state{head: log(a, b)}, falseResult},
		"they conflict in one record": {state{head: log(a | b)}, falseResult},
		"a request again":             {state{head: log(c, c)}, twice},
		"accepted at its index":       {state{head: log(c, a), answers: [requests]answer{accepted + 2}}, nothing},
		"accepted at another":         {state{head: log(c, a), answers: [requests]answer{accepted + 1}}, notDecided},
	} {
		if got := m.check(&test.s); got != test.want {
			t.Errorf("%s: %v, want: %v", name, got, test.want)
		}
	}

	s := state{answers: [requests]answer{accepted + 1}}
	if m.accept(&s, &s.nodes[0], 0, log(a)); s.broken != nothing {
		t.Errorf("the same answer again: %v", s.broken)
	}
	if m.accept(&s, &s.nodes[0], 0, log(c, a)); s.broken != moved {
		t.Errorf("another index: %v", s.broken)
	}
	s = state{answers: [requests]answer{accepted + 1}}
	if m.reject(&s, &s.nodes[0], 0, 0); s.broken != moved {
		t.Errorf("rejected after accepted: %v", s.broken)
	}
}
