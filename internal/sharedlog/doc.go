// Package sharedlog defines the log that several stores share, and the form of its records.
// An existing engine, such as PostgreSQL or etcd, keeps the log; an adapter in a package below
// this one implements Log with it. The package imports no other package of this module.
//
// A record of the log is at an index, and contains one commit group of a store: the bytes of
// its header and payload as in a segment file, in an envelope (record.go) that names its
// writer. A log starts at its origin, which is before the first group of a store or after one
// of its groups. The first record has the next index.
//
// # What a log promises
//
//   - E1, agreement: there is at most one record at an index, and it never changes.
//   - E2, exact comparison: Append adds a record only if the log ends, at that moment, with
//     the index and the chain that the caller names. This is also true of a request that is
//     late or repeated, and if the index was trimmed meanwhile.
//   - E3, durable: a record that Append acknowledged or that Read returned is in the log until
//     it is trimmed. It survives the loss of a minority of the engine's servers, and the loss
//     of power of all of them.
//   - E4, fresh Last: Last returns no point below a record whose Append was acknowledged, or
//     that was read, before Last was called.
//   - E5, dense and in order: Read from an index returns the records at this index, the next
//     one, and so on.
//   - E6, bounded: MaxRecord is the size of the largest record, and Trim works while others
//     read.
//
// A store needs nothing else for its correctness: no lease, no election, no lock, no clock,
// no order of concurrent requests, and no request that is executed exactly once. Wait and the
// reports of replicas are hints: if they fail, a store is slow, not wrong.
//
// Package logtest has a test for each promise. An adapter must pass all of them.
//
// # Proposing
//
// An append is a proposal; the record at the index decides. After any error of Append but
// ErrTooLarge the record may be in the log, or arrive there later: the answer was lost, or
// the request was sent twice and the second one was refused. So the caller reads the index (FateOf):
//
//   - If its own record is there, the append has succeeded. Records are compared as a whole,
//     since the envelope contains a random writer ID.
//   - If another record is there, the append has failed, and by E2 can never succeed.
//   - If there is none, the caller appends the same bytes again, after a pause, until one of
//     the others is the case. It must not append other bytes at this index.
//   - If the record was trimmed, the logs of the other replicas have its group, but not whose it
//     is. So the outcome of the append remains unknown.
//
// A Read that returns nothing does not prove that the log ends there, since Read need not be
// fresh. If Last is below the record that the caller appends to, the log has lost records.
//
// # Writing an adapter
//
// Besides the contract of Log, three mistakes are easy to make:
//
//   - An append of two requests, one that compares and one that adds, or a comparison with the
//     existence of a record instead of the end of the log. Trimming makes records absent.
//   - A Read that returns records which a failover of the engine can still remove. Then E3 does
//     not hold. If the engine does this after a failover only, a write that reaches all the
//     servers that must have it, after each connection and before the first Read, prevents it.
//   - An append that the adapter, or the client library of the engine, repeats on its own for as
//     long as it fails. E2 makes this safe, but the caller's deadline must end it.
//
// An adapter refuses an engine whose settings break a promise when it connects, if it can see
// them.
package sharedlog
