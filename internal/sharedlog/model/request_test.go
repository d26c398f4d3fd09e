package model

import "slices"

// send sends a request to a node: for the first time, or again because it has a UUID. The
// node answers if its local log has the outcome. If a proposal in flight has, it waits.
// Other requests arrive with the proposal that holds them.
func (m *model) send(s state, i, r int, next func(state, step)) {
	if n := &s.nodes[i]; m.maySend(&s, n, r) && !m.admits(m.links[n.tip()].present, r) {
		s.answers[r] = max(s.answers[r], noAnswer)
		n.waiting.add(r)
		m.answerDecided(&s, n)
		next(s, step{send, i, r})
	}
}

// maySend reports whether a client may send a request to a node.
func (m *model) maySend(s *state, n *node, r int) bool {
	return !m.busy(n).has(r) && (s.answers[r] == notSent || appends[r].uuid)
}

// busy returns the requests that a node has.
func (m *model) busy(n *node) group {
	busy := n.waiting | n.out
	for _, p := range n.proposals {
		busy |= m.links[p.record].group
	}
	return busy
}

// answerDecided answers the waiting requests of which the local log has the outcome: it has
// the event, or one that the condition excludes.
func (m *model) answerDecided(s *state, n *node) {
	for r := range appends {
		if !n.waiting.has(r) || m.admits(m.links[n.local].present, r) {
			continue
		}
		n.waiting &^= 1 << r
		m.answerFrom(s, n, n.local, r)
	}
}

// answerFrom answers a request that the log up to tail does not admit.
func (m *model) answerFrom(s *state, n *node, tail chain, r int) {
	if cause := m.find(tail, r); appends[r].uuid && cause != 0 {
		m.accept(s, n, r, cause)
		return
	}
	for other, a := range appends {
		if a.conditional {
			if cause := m.find(tail, other); cause != 0 {
				m.reject(s, n, r, cause)
				return
			}
		}
	}
}

// admits reports whether a request may be added to a log with these requests. A node knows
// only by UUID that it has a request already.
func (m *model) admits(present group, r int) bool {
	if appends[r].uuid && present.has(r) {
		return false
	}
	for other, a := range appends {
		if appends[r].conditional && a.conditional && present.has(other) {
			return false
		}
	}
	return true
}

// find returns the first record up to tail that has a request, or zero.
func (m *model) find(tail chain, r int) chain {
	found := chain(0)
	for ; m.links[tail].present.has(r); tail = m.links[tail].previous {
		found = tail
	}
	return found
}

// gather returns the waiting requests that a record after tail may hold.
func (m *model) gather(n *node, tail chain) (g group) {
	for r := range appends {
		if n.waiting.has(r) && m.admits(m.links[tail].present|g, r) {
			g.add(r)
		}
	}
	return g
}

// propose sends a record to the engine, with all requests that wait. One that conflicts with
// the record itself keeps waiting, for the outcome. Requests arrive in the same step, as they
// would only wait until then.
func (m *model) propose(s state, i int, next func(state, step)) {
	n := &s.nodes[i]
	count, tip := n.proposed(), n.tip()
	if count == m.depth {
		return
	}
	arriving := []group{0}
	for r := range appends {
		if m.maySend(&s, n, r) {
			for _, g := range arriving {
				arriving = append(arriving, g|1<<r)
			}
		}
	}
	for _, g := range arriving {
		after := s
		n := &after.nodes[i]
		n.waiting |= g
		for r := range appends {
			if g.has(r) {
				after.answers[r] = max(after.answers[r], noAnswer)
			}
		}
		g := m.gather(n, tip)
		if g == 0 && n.waiting != 0 {
			continue
		}
		n.waiting &^= g
		record := m.extend(tip, g)
		for salt := group(1); m.distinct && m.inUse(&after, record); salt++ {
			record = m.extend(tip, g|salt<<requests)
		}
		n.proposals[count] = proposal{record: record}
		if m.flaw == answeredEarly {
			m.acceptAll(&after, n, record)
		}
		next(after, step{propose, i, 0})
	}
}

// inUse reports whether a record is in the shared log or was sent to the engine.
func (m *model) inUse(s *state, record chain) bool {
	for _, n := range s.nodes {
		for _, p := range n.proposals {
			if p.record == record {
				return true
			}
		}
	}
	return slices.Contains(s.late[:], record) || m.isPrefix(record, s.head)
}
