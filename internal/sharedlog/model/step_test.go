package model

// flaw is a mistake to plant in the protocol or in the engine.
type flaw uint8

const (
	none                flaw = iota
	indexOnly                // the engine compares the index of the record before, and not its chain
	createIfAbsent           // the engine adds a record if it has none at the index, also where it was trimmed
	unknownIsFailure         // no answer from the engine is reported as "nothing was written"
	conflictIsForeign        // a refused proposal counts as lost, without reading the log
	trimmedIsForeign         // a proposal counts as lost if its index is trimmed
	chainAlone               // the record at the index is recognised by its chain, and not also by its writer
	otherBytes               // a proposal that is sent again has the requests that came since
	answeredEarly            // clients receive their answer when the proposal is sent
	deferredAnswered         // a rejection that depends on a proposal is answered though it is lost
	followedEarly            // a node applies a record while its proposal is in flight
	closeTakesIndex          // a node that closes writes a record to its local log
	freshJoins               // a read uses the answer of a Last that started before the read
	trimUnsynced             // a record is trimmed before two nodes have synced it
	forwardedAgain           // a node proposes a request that it has forwarded, when the connection breaks
	forwardedInRing          // a node forwards a request that another has forwarded to it
	disconnectIsFailure      // a broken connection to another node is reported as "nothing was written"
	relayedEarly             // a node passes on that a request was accepted before it has the record
)

// model is the protocol with its bounds.
type model struct {
	*chains
	lag      uint8 // the maximum number of records that a node has not applied
	depth    int   // proposals of a node in flight
	distinct bool  // records of two writers are never equal byte for byte
	prompt   bool  // nodes learn at once that a proposal is lost
	restarts bool
	trims    bool
	reads    bool
	forwards bool
	flaw     flaw
}

// action is a kind of step.
type action uint8

const (
	send action = iota
	propose
	land
	landLate
	succeed
	recognise
	lose
	refused // the flaw conflictIsForeign
	leaveUnknown
	fail   // the flaw unknownIsFailure
	resend // the flaw otherBytes
	follow
	trim
	restart
	startRead
	serveRead
	forward
	relay
	disconnect
	actions int = iota
)

// step is what happened between two states: the action, the node, and a request, another
// node, an index or a record.
type step struct {
	action action
	node   int
	other  int
}

// steps passes each state that may follow s to next. A pause is a node that takes no step
// for a while, and a delay a request that does not land for a while: neither needs a step.
func (m *model) steps(s *state, next func(state, step)) {
	for i := range s.nodes {
		for r := range appends {
			m.send(*s, i, r, next)
			if m.forwards {
				m.forward(*s, i, r, next)
				m.relay(*s, i, r, next)
				m.disconnect(*s, i, r, next)
			}
		}
		m.propose(*s, i, next)
		m.outcome(*s, i, next)
		m.follow(*s, i, next)
		if m.restarts {
			m.restart(*s, i, next)
		}
		if m.trims {
			m.trim(*s, i, next)
		}
		if m.reads {
			m.read(*s, i, next)
		}
	}
	m.land(*s, next)
}

// base returns the index up to which all nodes must have applied the log when it has grown
// by some records.
func (m *model) base(s *state, grown uint8) uint8 {
	return max(m.index(s.head)+grown, m.lag) - m.lag
}

// applied returns the index up to which all nodes have applied the log.
func (m *model) applied(s *state) uint8 {
	least := m.index(s.head)
	for _, n := range s.nodes {
		least = min(least, m.index(n.local))
	}
	return least
}
