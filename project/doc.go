// Package project runs projections: programs that process the events of a query in order, and
// continue after a restart where they have stopped, so that each event counts exactly once.
//
// The result of a projection and the position up to which it has processed events are
// stored together, in a Target. There are two kinds:
//
//   - A database, a file or anything else with transactions. The program implements Target: it
//     stores Batch.Position in the transaction in which it stores the result of the batch.
//   - An event store. Tracking returns a Target that appends events with the position of the
//     batch, as tracking information.
//
// # What is repeated
//
// If the target fails, or the subscription ends, Run pauses for a random time, asks the target for its
// position, and subscribes after it. So a batch is handled again only if it has not been stored. Run returns
// the error of the Options.Attempts-th failure in a row without a higher position. It returns immediately the
// errors of a store that will not accept the call next time either: dcb.ErrInvalidArgument,
// dcb.ErrAuthentication and dcb.ErrClosed.
//
// # How it ends
//
// When ctx is done, Run finishes the batch that is being handled, for which it has Options.Grace, and
// returns nil.
package project
