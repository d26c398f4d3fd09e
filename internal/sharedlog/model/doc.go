// Package model checks the protocol of shared mode, in which several stores append to one
// log that an engine such as PostgreSQL keeps. It has no code of the store: its tests are a
// small model of the protocol, and visit every state that the model can reach.
//
// The model has three nodes, an engine, and clients that send the requests A, B and C. A and
// B are conditional and exclude each other; A has a UUID, so that clients may send it to
// several nodes, at any time. D stands for all other requests. In a step
//
//   - a node receives requests, and proposes them: it sends a record to the engine, built on
//     the last record that it applied;
//   - the engine adds a proposed record, if the log ends with the record on which it was
//     built. It may do so late, or never, or when the node that sent it has ended;
//   - a node learns the outcome of its proposal. It may receive no answer, or a refusal
//     though its record was added: so it reads the log, which alone knows;
//   - a node applies the next record of another, and answers what it now can;
//   - the engine trims its first record, which two nodes have synced;
//   - a node forwards a request to another, and passes on the answer, or the connection breaks;
//     then the other node may still propose the request, and the client knows nothing;
//   - a node restarts, and may lose the end of its local log that was not synced;
//   - a node receives a fresh read, or serves one.
//
// After each step the invariants must hold: every local log is a prefix of the shared log,
// applied once and in order;
// each record was built on the one before it; what a client received as accepted is in the
// log once, at that index, and its condition holds there; a rejection has its cause in the
// log; no two writers take their record as the one at an index; a fresh read sees what was
// answered before it started; two nodes still have each trimmed record; a forwarded request does
// not come back, and its client is answered when the node has applied the record.
//
// The log has no end in the model. Its bound is the lag: the engine adds no record while a
// node has not applied so many of the last ones. What all have applied is forgotten but for
// the set of requests, which leaves a finite number of states. A lag of 6 includes all that
// can happen to the first 6 records. States from which the same follows are visited once.
//
// The other tests plant a flaw each, such as an engine that compares only the index, and
// expect the shortest sequence of steps to a state that breaks an invariant. They show that
// the model can find such a flaw, and why the protocol is as it is. To explore more than the
// tests do by default, and see how many states there are:
//
//	go test ./internal/sharedlog/model -run 'TestProtocol/^restarts_and_trims$' -lag 4 -v
package model
