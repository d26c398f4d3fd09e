// Package store is the engine: it decides appends, makes them durable, indexes
// them, and answers reads.
//
// # Goroutines
//
// A caller's goroutine validates its request and evaluates its condition up to
// the published head; reads run wholly in it. Open starts six more, unless
// the store is only read, and Close ends them, in this order:
//
//   - the writer (writer.go) takes requests in turn, decides the rest of each
//     against what came since, and encodes what is accepted into the open group;
//   - the syncer (syncer.go) writes a group, syncs, publishes the head, answers;
//   - the preparer (background.go) makes space in the log ahead of need;
//   - the flusher (flusher.go) writes full memory blocks of the index to files;
//   - the joiner (joiner.go) joins blocks, and builds damaged ones again;
//   - the watcher (watcher.go) fails the store if its path no longer leads to its
//     directory, or to the last file of its log.
//
// # Locks
//
// No two are held at a time, and none while a query is evaluated. Files of blocks
// that nobody uses any more may be closed and removed under states.mu.
package store
