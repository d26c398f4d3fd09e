package model

// read starts or serves fresh reads at a node. The engine answers Last at the earliest
// moment, which is the worst: what it returns later is higher.
func (m *model) read(s state, i int, next func(state, step)) {
	for other := range s.nodes {
		if other != i && s.nodes[other].read.active {
			return // reads of several nodes do not affect each other
		}
	}
	floor := uint8(0)
	for _, a := range s.answers {
		if a >= accepted {
			floor = max(floor, uint8(a-accepted))
		}
	}
	start := s
	switch r := &start.nodes[i].read; {
	case !r.active:
		*r = read{active: true, target: m.index(s.head)}
	case m.flaw == freshJoins:
		r.floor = max(r.floor, floor)
	default:
		r.waiting = true
	}
	if r := &start.nodes[i].read; r.floor <= r.target {
		r.floor = 0
	}
	next(start, step{startRead, i, 0})

	n := &s.nodes[i]
	if applied := m.index(n.local); n.read.active && applied >= n.read.target {
		if applied < n.read.floor {
			s.broken = staleRead
		}
		n.read = read{active: n.read.waiting, target: m.index(s.head)}
		if !n.read.active {
			n.read.target = 0
		}
		next(s, step{serveRead, i, 0})
	}
}
