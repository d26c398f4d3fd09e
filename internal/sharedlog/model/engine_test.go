package model

// land adds a record to the shared log: any that was sent, as the engine may receive it at
// any time, if the comparison holds.
func (m *model) land(s state, next func(state, step)) {
	if m.base(&s, 1) > m.applied(&s) {
		return // the bound of the model
	}
	for i := range s.nodes {
		for k, p := range s.nodes[i].proposals {
			if p.record != 0 && !p.landed && m.compare(&s, p.record) {
				after := s
				after.nodes[i].proposals[k].landed = true
				m.add(&after, p.record)
				next(after, step{land, i, int(p.record)})
			}
		}
	}
	for _, record := range s.late {
		if record != 0 && m.compare(&s, record) {
			after := s
			after.removeLate(record)
			m.add(&after, record)
			next(after, step{landLate, 0, int(record)})
		}
	}
}

// compare reports whether the engine adds a record.
func (m *model) compare(s *state, record chain) bool {
	l := m.links[record]
	switch m.flaw {
	case indexOnly:
		return l.index == m.index(s.head)+1
	case createIfAbsent:
		return l.previous == s.head || l.index <= s.trimmed
	}
	return l.previous == s.head
}

// add appends a record to the shared log, unless it is one of which the log had another.
func (m *model) add(s *state, record chain) {
	l := m.links[record]
	if l.index <= m.index(s.head) {
		return
	}
	if l.previous != s.head {
		s.broken = builtOnAnother
	}
	s.head = record
}

// trim removes the next record from the shared log, after two nodes synced it. A sync on
// which nothing depends only limits what a restart may lose, so there is no step for it.
func (m *model) trim(s state, i int, next func(state, step)) {
	index := s.trimmed + 1
	for other := range i {
		if m.index(s.nodes[i].local) < index || m.index(s.nodes[other].local) < index {
			continue
		}
		after := s
		after.trimmed = index
		if m.flaw != trimUnsynced {
			after.nodes[i].synced = max(after.nodes[i].synced, index)
			after.nodes[other].synced = max(after.nodes[other].synced, index)
		}
		next(after, step{trim, i, other})
	}
}

// copies returns the number of nodes whose local log has the record at an index.
func (m *model) copies(s *state, index uint8) (count int) {
	for _, n := range s.nodes {
		if m.index(n.local) >= index {
			count++
		}
	}
	return count
}
