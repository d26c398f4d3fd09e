package model

import (
	"cmp"
	"slices"
)

const (
	nodes    = 3 // servers that share the log
	requests = 3 // appends of clients that the model follows
	inFlight = 2 // the maximum number of proposals of a node that are in flight
	late     = 8 // the maximum number of proposals of ended processes that may still arrive
)

// request is an append of a client, with one event.
type request struct {
	name        string
	uuid        bool // the event has a UUID, so the client may send the request again
	conditional bool // the append fails if there is an event of a conditional append
}

// appends are the requests. A and B exclude each other. Clients send B and C only once.
var appends = [requests]request{
	{name: "A", uuid: true, conditional: true},
	{name: "B", conditional: true},
	{name: "C"},
}

// answer is what the client of a request received: one of these, or accepted plus the index.
type answer uint8

const (
	notSent  answer = 0
	noAnswer answer = 1 // sent; in progress, or its outcome is unknown to the client
	failed   answer = 2 // "nothing was written"
	rejected answer = 3
	accepted answer = 4
)

// proposal is a record that a node sent to the engine and whose outcome it does not know. The
// engine may receive it at any time, and any number of times: so it stands for the first
// request, for each time it is sent again, and for a request that is lost.
type proposal struct {
	record chain // zero if there is none
	landed bool  // the engine added it: the record at its index has its writer and chain
}

// read is the state of the fresh reads of a node.
type read struct {
	active  bool
	target  uint8 // what Last returned: the reads wait until the node has applied it
	floor   uint8 // an index above target that they must see, as a client received it before
	waiting bool  // there are reads that started later and wait for the next Last
}

// node is a server. Its process may be killed; local survives that from synced on down.
type node struct {
	local     chain // the end of the local log, which is applied, indexed and published
	synced    uint8 // the local log is durable up to this index
	waiting   group // requests that wait for the next proposal or for the outcome of this one
	proposals [inFlight]proposal
	read      read
	out       group // requests that it has forwarded, and whose clients wait for it
	in        group // of those that wait or are proposed, the ones that another node has forwarded
	orphans   group // and those whose client no longer waits, as the connection broke
}

// state is a state of the whole system. The writers of records are not in it: they matter
// only to a process that waits for the outcome of its proposal, which has landed or not.
type state struct {
	head      chain // the end of the shared log
	trimmed   uint8 // the engine has no records up to this index
	nodes     [nodes]node
	late      [late]chain // proposals that no process waits for and that may arrive, in order
	answers   [requests]answer
	replies   [requests]answer // in flight to the node that has forwarded the request
	confirmed uint8            // a bit for each index whose record a writer took as its own
	broken    violation
}

// sorted returns the state with its nodes in a fixed order: which is which has no effect.
func (s state) sorted() state {
	n := &s.nodes
	if n[0].compare(&n[1]) > 0 {
		n[0], n[1] = n[1], n[0]
	}
	if n[1].compare(&n[2]) > 0 {
		n[1], n[2] = n[2], n[1]
		if n[0].compare(&n[1]) > 0 {
			n[0], n[1] = n[1], n[0]
		}
	}
	return s
}

func (n *node) compare(other *node) int {
	if n.local != other.local {
		return cmp.Compare(n.local, other.local)
	}
	return cmp.Or(
		cmp.Compare(n.synced, other.synced),
		cmp.Compare(n.waiting, other.waiting),
		n.proposals[0].compare(other.proposals[0]),
		n.proposals[1].compare(other.proposals[1]),
		cmp.Compare(n.read.number(), other.read.number()),
		cmp.Compare(n.out, other.out),
		cmp.Compare(n.in, other.in),
		cmp.Compare(n.orphans, other.orphans),
	)
}

func (p proposal) compare(other proposal) int {
	return cmp.Compare(p.number(), other.number())
}

func (p proposal) number() uint32 { return uint32(p.record)<<1 | bit(p.landed) }

func (r read) number() uint32 {
	return bit(r.active)<<24 | uint32(r.target)<<16 | uint32(r.floor)<<8 | bit(r.waiting)
}

func bit(set bool) uint32 {
	if set {
		return 1
	}
	return 0
}

// proposed returns the number of proposals in flight.
func (n *node) proposed() int {
	count := 0
	for count < inFlight && n.proposals[count].record != 0 {
		count++
	}
	return count
}

// tip returns the record on which the next proposal is built.
func (n *node) tip() chain {
	if count := n.proposed(); count > 0 {
		return n.proposals[count-1].record
	}
	return n.local
}

// addLate adds a proposal that the process that sent it no longer waits for.
func (s *state) addLate(record chain) {
	if slices.Contains(s.late[:], record) {
		return
	}
	if s.late[0] != 0 {
		panic("too many late proposals: raise the constant")
	}
	s.late[0] = record
	slices.Sort(s.late[:])
}

func (s *state) removeLate(record chain) {
	s.late[slices.Index(s.late[:], record)] = 0
	slices.Sort(s.late[:])
}
