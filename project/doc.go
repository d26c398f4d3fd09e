// Package project runs projections: programs that process the events of a query in order, and
// continue after a restart where they have stopped, so that each event counts exactly once. With Tracking, this
// requires that one instance runs at a time; see below.
//
// The result of a projection and the position up to which it has processed events are
// stored together, in a Target. There are two kinds:
//
//   - A database, a file or anything else with transactions. The program implements Target: it
//     stores Batch.Position in the transaction in which it stores the result of the batch.
//   - An event store. Tracking returns a Target that appends events with the position of the
//     batch, as tracking information. Only one instance of such a program may run at a time.
//
// # What is repeated
//
// If the target fails, or the subscription ends, Run pauses for a random time, asks the target for its
// position, and subscribes after it. So a batch is handled again only if it has not been stored. Run returns
// the error of the Options.Attempts-th failure in a row without a higher position. It returns immediately the
// errors of a store that will not accept the call next time either: dcb.ErrInvalidArgument,
// dcb.ErrAuthentication and dcb.ErrClosed.
//
// # What could count twice with Tracking
//
// A store refuses a tracking position that is not greater than the recorded one. It does not check that this is
// Batch.After, and batches overlap if one ends where more events had been appended than at the other. Tracking compares
// the two immediately before the append, and repeats an append with an unknown outcome, with the same events, until
// the outcome is known. Two cases are left, in which the events that are in both batches count twice:
//
//   - Another instance appends between the comparison and the append, and its batch ends earlier.
//   - Run returns while the outcome of an append is unknown, because ctx is done or after Options.Attempts failures, and
//     the append happens after the program, started again, has asked for the position.
//
// A Target of the program is safe in both cases if it appends events with UUIDs, made from the positions of the events
// that they result from, on the condition that none of them exists. So is a Target that compares Batch.After with
// the stored position in the transaction in which it stores the result.
//
// # How it ends
//
// When ctx is done, Run finishes the batch that is being handled, for which it has Options.Grace, and
// returns nil.
package project
