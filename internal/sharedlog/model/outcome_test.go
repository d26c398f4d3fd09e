package model

// outcome is what a node learns of its first proposal. Whatever the answer is, except
// success, it reads the index: an answer may be lost, and a request that landed is refused
// when it arrives again.
func (m *model) outcome(s state, i int, next func(state, step)) {
	n := &s.nodes[i]
	p := n.proposals[0]
	if p.record == 0 {
		return
	}
	index := m.index(p.record)
	if p.landed {
		after := s
		m.settle(&after, i)
		next(after, step{succeed, i, 0})
	}
	mine := p.landed || m.flaw == chainAlone && m.isPrefix(p.record, s.head)
	switch after := s; {
	case m.flaw == unknownIsFailure:
		m.drop(&after, i)
		for r := range appends {
			if m.links[p.record].group.has(r) {
				after.answers[r] = failed
			}
		}
		next(after, step{fail, i, 0})
	case index > m.index(s.head): // not there: sent again, which changes no state
		if m.flaw == otherBytes {
			m.lose(&after, i)
			m.propose(after, i, func(after state, _ step) {
				first, again := m.links[p.record].group, m.links[after.nodes[i].tip()].group
				if again&first == first && again != first {
					next(after, step{resend, i, 0})
				}
			})
		}
	case index <= s.trimmed && m.flaw != trimmedIsForeign: // the record is no longer there to be recognised
		for _, p := range n.proposals {
			m.abandon(&after, i, m.links[p.record].group)
		}
		m.drop(&after, i)
		next(after, step{leaveUnknown, i, 0})
	case m.flaw == conflictIsForeign:
		m.lose(&after, i)
		next(after, step{refused, i, 0})
	case mine && index > s.trimmed:
		m.settle(&after, i)
		next(after, step{recognise, i, 0})
	default:
		m.lose(&after, i)
		next(after, step{lose, i, 0})
	}
}

// settle takes the first proposal of a node as decided.
func (m *model) settle(s *state, i int) {
	n := &s.nodes[i]
	record := n.proposals[0].record
	copy(n.proposals[:], n.proposals[1:])
	n.proposals[inFlight-1] = proposal{}
	if m.links[record].previous != n.local {
		s.broken = appliedAgain
	}
	n.local = record
	if mask := uint8(1) << m.index(record); s.confirmed&mask != 0 {
		s.broken = twoWriters
	} else {
		s.confirmed |= mask
	}
	m.acceptAll(s, n, record)
	m.answerDecided(s, n)
}

// lose takes all proposals of a node back. Their requests are examined again, when the node
// has applied the record that was added instead.
func (m *model) lose(s *state, i int) {
	n := &s.nodes[i]
	tip := n.tip()
	if m.flaw == deferredAnswered {
		for r := range appends {
			if n.waiting.has(r) && !m.admits(m.links[tip].present, r) {
				n.waiting &^= 1 << r
				m.answerFrom(s, n, tip, r)
			}
		}
	}
	for _, p := range n.proposals {
		n.waiting |= m.links[p.record].group
	}
	m.drop(s, i)
}

// drop forgets the proposals of a node. The engine may still receive them.
func (m *model) drop(s *state, i int) {
	for k, p := range s.nodes[i].proposals {
		if p.record != 0 && !p.landed {
			s.addLate(p.record)
		}
		s.nodes[i].proposals[k] = proposal{}
	}
}

// follow applies the next record, from the shared log or, where that is trimmed, from the
// local log of another node. The outcome of a proposal comes first.
func (m *model) follow(s state, i int, next func(state, step)) {
	n := &s.nodes[i]
	index := m.index(n.local) + 1
	if n.proposed() > 0 && m.flaw != followedEarly || index > m.index(s.head) || index <= s.trimmed && m.copies(&s, index) == 0 {
		return
	}
	n.local = m.at(s.head, index)
	m.answerDecided(&s, n)
	next(s, step{follow, i, 0})
}

// restart ends the process of a node and starts another, which has the local log up to any
// index from synced on. A node that was closed has all of it.
func (m *model) restart(s state, i int, next func(state, step)) {
	m.abandon(&s, i, ^group(0))
	for r := range appends {
		if s.nodes[i].out.has(r) {
			m.leave(&s, i, r)
		}
	}
	m.drop(&s, i)
	n := &s.nodes[i]
	n.waiting, n.read = 0, read{}
	tail := n.local
	for cut := max(n.synced, m.base(&s, 0)); cut <= m.index(tail); cut++ {
		n.local = m.at(tail, cut)
		if m.flaw == closeTakesIndex && cut == m.index(tail) {
			n.local = m.extend(tail, closeRecord)
		}
		next(s, step{restart, i, int(cut)})
	}
}
