package model

// violation is an invariant that a state breaks.
type violation uint8

const (
	nothing violation = iota
	builtOnAnother
	twoWriters
	appliedAgain
	staleRead
	notPrefix
	falseResult
	twice
	notDecided
	moved
	unjustified
	contradicted
	lost
	ring
	notApplied
)

func (v violation) String() string {
	return [...]string{
		nothing:        "no invariant is broken",
		builtOnAnother: "the shared log has a record that was built on another than the one before it",
		twoWriters:     "two writers acknowledged their record at one index",
		appliedAgain:   "a node applied a record for the second time, or not in order",
		staleRead:      "a fresh read did not see an append that was answered before it started",
		notPrefix:      "a local log is not a prefix of the shared log",
		falseResult:    "the shared log has an append that its condition excludes",
		twice:          "the shared log has a request twice",
		notDecided:     "a client received \"accepted\" for an index where the shared log does not have the request",
		moved:          "a client received two answers",
		unjustified:    "a client received \"rejected\", and no record in the shared log justifies it",
		contradicted:   "a client received \"rejected\" or \"failed\" for a request in the shared log",
		ring:           "a node received a request that it had forwarded",
		notApplied:     "a client received \"accepted\" from a node that has not applied the record",
		lost:           "the engine trimmed a record that fewer than two nodes have",
	}[v]
}

// accept answers a request with the index of its record.
func (m *model) accept(s *state, n *node, r int, record chain) {
	a := accepted + answer(m.index(record))
	if s.reply(n, r, a) {
		return
	}
	if s.answers[r] != noAnswer && s.answers[r] != a {
		s.broken = moved
	}
	s.answers[r] = a
}

func (m *model) acceptAll(s *state, n *node, record chain) {
	for r := range appends {
		if m.links[record].group.has(r) {
			m.accept(s, n, r, record)
		}
	}
}

// reject answers a request with the record whose event its condition excludes.
func (m *model) reject(s *state, n *node, r int, cause chain) {
	if !m.isPrefix(cause, s.head) {
		s.broken = unjustified
	}
	if s.reply(n, r, rejected) {
		return
	}
	if s.answers[r] != noAnswer && s.answers[r] != rejected {
		s.broken = moved
	}
	s.answers[r] = rejected
}

// check returns the invariant that a state breaks, given that the states before it broke
// none: so of the shared log only the last record can be wrong.
func (m *model) check(s *state) violation {
	if s.broken != nothing {
		return s.broken
	}
	for _, n := range s.nodes {
		if !m.isPrefix(n.local, s.head) {
			return notPrefix
		}
	}
	last := m.links[s.head]
	before := m.links[last.previous].present
	for r := range appends {
		switch {
		case !last.group.has(r):
			continue
		case before.has(r):
			return twice
		case !m.admits(before, r):
			return falseResult
		}
		before.add(r)
	}
	for r, a := range s.answers {
		switch {
		case a >= accepted && (m.find(s.head, r) == 0 || accepted+answer(m.index(m.find(s.head, r))) != a):
			return notDecided
		case (a == rejected || a == failed) && last.present.has(r):
			return contradicted
		}
	}
	if s.trimmed > 0 && m.copies(s, s.trimmed) < 2 {
		return lost
	}
	return nothing
}
