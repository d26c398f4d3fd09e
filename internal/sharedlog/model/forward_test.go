package model

// forward sends a request to a node, which does not propose it but passes it to another one and
// waits for the answer, also after its own proposal was lost. It answers itself what its local log
// decides. A node proposes a request
// that another one has passed to it, and never passes it on.
func (m *model) forward(s state, i, r int, next func(state, step)) {
	if m.flaw == forwardedInRing {
		m.forwardOn(s, i, r, next)
	}
	n := &s.nodes[i]
	lost := n.waiting.has(r) && n.proposed() == 0 && !n.in.has(r) && !n.orphans.has(r)
	if !lost && !m.maySend(&s, n, r) || !m.admits(m.links[n.local].present, r) || s.forwarded().has(r) {
		return
	}
	for j := range s.nodes {
		after := s
		from, to := &after.nodes[i], &after.nodes[j]
		if i == j || m.busy(to).has(r) {
			continue
		}
		after.answers[r] = max(after.answers[r], noAnswer)
		from.waiting &^= 1 << r
		from.out.add(r)
		to.in.add(r)
		to.waiting.add(r)
		m.answerDecided(&after, to)
		next(after, step{forward, i, j*requests + r})
	}
}

// forwardOn is the flaw forwardedInRing.
func (m *model) forwardOn(s state, i, r int, next func(state, step)) {
	if n := &s.nodes[i]; !n.in.has(r) || !n.waiting.has(r) {
		return
	}
	for j := range s.nodes {
		if s.nodes[j].out.has(r) {
			s.broken = ring
			next(s, step{forward, i, j*requests + r})
		}
	}
}

// forwarded returns the requests whose client waits for a node that waits for another one. The
// model has at most one such client of each request.
func (s *state) forwarded() (g group) {
	for r, reply := range s.replies {
		if reply != notSent {
			g.add(r)
		}
	}
	for _, n := range s.nodes {
		g |= n.out
	}
	return g
}

// relay passes the answer of another node to the client, when the local log has its record. A
// read at this node then sees it.
func (m *model) relay(s state, i, r int, next func(state, step)) {
	n, reply := &s.nodes[i], s.replies[r]
	if !n.out.has(r) || reply == notSent {
		return
	}
	if reply > accepted && uint8(reply-accepted) > m.index(n.local) {
		if m.flaw != relayedEarly {
			return
		}
		s.broken = notApplied
	}
	if s.answers[r] != noAnswer && s.answers[r] != reply {
		s.broken = moved
	}
	n.out &^= 1 << r
	s.replies[r] = notSent
	s.answers[r] = reply
	next(s, step{relay, i, r})
}

// disconnect breaks the connection by which a request was forwarded. The other node may not have
// received it, or may still propose it, at any time. The client learns that the outcome is
// unknown.
func (m *model) disconnect(s state, i, r int, next func(state, step)) {
	if !s.nodes[i].out.has(r) {
		return
	}
	received := s
	m.leave(&received, i, r)
	switch m.flaw {
	case forwardedAgain:
		received.nodes[i].waiting.add(r)
	case disconnectIsFailure:
		received.answers[r] = failed
	}
	next(received, step{disconnect, i, r})
	for j := range s.nodes {
		if n := &s.nodes[j]; n.in.has(r) && n.waiting.has(r) {
			n.in &^= 1 << r
			n.waiting &^= 1 << r
			m.leave(&s, i, r)
			next(s, step{disconnect, i, r})
		}
	}
}

// leave ends that a client waits for the answer to a request that a node has forwarded.
func (m *model) leave(s *state, i, r int) {
	s.nodes[i].out &^= 1 << r
	s.replies[r] = notSent
	for j := range s.nodes {
		if n := &s.nodes[j]; n.in.has(r) {
			n.in &^= 1 << r
			n.orphans.add(r)
		}
	}
}

// abandon makes a node forget requests of other nodes, whose clients learn that the outcome is
// unknown.
func (m *model) abandon(s *state, i int, g group) {
	for r := range appends {
		if !s.nodes[i].in.has(r) || !g.has(r) {
			continue
		}
		for j := range s.nodes {
			if s.nodes[j].out.has(r) {
				m.leave(s, j, r)
			}
		}
	}
	s.nodes[i].orphans &^= g
}

// reply sends the answer of a request to the node that has forwarded it. It reports false if a
// client has sent the request to this node.
func (s *state) reply(n *node, r int, a answer) bool {
	switch {
	case n.orphans.has(r):
		n.orphans &^= 1 << r
	case n.in.has(r):
		n.in &^= 1 << r
		s.replies[r] = a
	default:
		return false
	}
	return true
}
