package model

import "slices"

// reduce replaces a state by one from which the same follows, so that there are fewer.
func (m *model) reduce(s *state) {
	if m.prompt {
		m.loseAll(s)
	}
	m.forget(s)
	m.recall(s)
	m.rebaseAll(s)
}

// loseAll lets nodes learn at once that a proposal is lost. Until then they can do nothing
// else, and afterwards all that they could before.
func (m *model) loseAll(s *state) {
	for i := range s.nodes {
		p := s.nodes[i].proposals[0]
		if p.record != 0 && !p.landed && m.index(p.record) <= m.index(s.head) {
			m.lose(s, i)
		}
	}
}

// forget removes what has no effect on what follows: late proposals that the engine will
// refuse forever, and confirmations that no proposal can repeat.
func (m *model) forget(s *state) {
	for _, record := range s.late {
		if record != 0 && !m.mayLand(s, record) {
			s.removeLate(record)
		}
	}
	open := uint8(0)
	for _, n := range s.nodes {
		for _, p := range n.proposals {
			if p.record != 0 {
				open |= 1 << m.index(p.record)
			}
		}
	}
	s.confirmed &= open
}

// mayLand reports whether a late proposal may be added, now or after others.
func (m *model) mayLand(s *state, record chain) bool {
	previous := m.links[record].previous
	if m.flaw == indexOnly {
		return m.index(previous) >= m.index(s.head)
	}
	return m.isPrefix(s.head, previous)
}

// rebaseAll forgets the records that all nodes have applied, except which requests they
// hold, if a restart cannot go back to before them: the bound ensures that.
func (m *model) rebaseAll(s *state) {
	index := m.base(s, 0)
	if index == 0 || s.broken != nothing {
		return
	}
	base := m.at(s.head, index)
	rebase := func(record *chain) {
		if *record != 0 {
			*record = m.rebase(*record, base)
		}
	}
	lower := func(i *uint8) { *i = max(*i, index) - index }
	rebase(&s.head)
	lower(&s.trimmed)
	for i := range s.nodes {
		n := &s.nodes[i]
		rebase(&n.local)
		lower(&n.synced)
		for k := range n.proposals {
			rebase(&n.proposals[k].record)
		}
		lower(&n.read.target)
		lower(&n.read.floor)
	}
	for i := range s.late {
		rebase(&s.late[i])
	}
	slices.Sort(s.late[:])
	for _, received := range []*[requests]answer{&s.answers, &s.replies} {
		for r, a := range received {
			if a >= accepted {
				received[r] = accepted + max(a-accepted, answer(index)) - answer(index)
			}
		}
	}
	s.confirmed >>= index
}

// recall makes requests that wait at a node without a proposal requests that clients may
// send, if they are nowhere else. The node can propose them as before, as if they arrived then.
func (m *model) recall(s *state) {
	elsewhere := m.links[s.head].present
	for _, n := range s.nodes {
		elsewhere |= n.out | n.in | n.orphans
		for _, p := range n.proposals {
			elsewhere |= m.links[p.record].group
		}
	}
	for _, record := range s.late {
		elsewhere |= m.links[record].group
	}
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.proposed() > 0 {
			continue
		}
		for r, a := range appends {
			switch {
			case !n.waiting.has(r), n.in.has(r):
			case a.uuid:
				n.waiting &^= 1 << r
				n.orphans &^= 1 << r
			case n.orphans.has(r):
			case !elsewhere.has(r) && s.answers[r] == noAnswer:
				n.waiting &^= 1 << r
				s.answers[r] = notSent
			}
		}
	}
	for r, a := range appends {
		if a.uuid {
			s.answers[r] = max(s.answers[r], noAnswer)
		}
	}
}
