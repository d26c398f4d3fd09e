// Package store is the storage engine: it decides appends, makes them durable, indexes
// them, and answers reads. An append passes the commit pipeline (pipeline.go), a read
// the stages in batch.go, a question for types or tags a pass over the terms of the index
// (terms.go). A standby (standby.go) has no commit pipeline: it receives groups.
//
// # Goroutines
//
// The caller's goroutine validates a request and evaluates its condition up to the
// published head. Reads run entirely in it. Unless the store is read-only, Open starts
// up to twelve more goroutines, which Close ends in this order:
//
//   - the writer (writer.go, decide.go) receives requests in order, checks each against the
//     events added since its precheck, and encodes the accepted ones into the open
//     group;
//   - the committer (pipeline.go, committer.go) writes a group, syncs, publishes the
//     head, and answers;
//   - the preallocator (background.go) allocates space in the log ahead of need;
//   - the flusher (index_write.go) writes full head blocks of the index to files;
//   - the compactor (compactor.go) compacts blocks, and rebuilds corrupt ones;
//   - the watcher (background.go) fails the store if its path no longer leads to its
//     directory, or to the last file of its log, and logs when little disk space is left;
//   - the announcer (announce.go) writes the published head into a file, for readers in
//     other processes;
//   - the scrubber (scrub_background.go), with Options.ScrubPeriod, verifies what is stored;
//   - in shared mode (shared.go), the follower reads the groups of other stores, the syncer
//     syncs what is written, the reporter reports it to the shared log, and the trimmer removes
//     from that what enough stores have, if its engine keeps few records. One more goroutine asks
//     the shared log for its end while reads wait for that (fresh.go).
//
// # Locks
//
// A goroutine holds no lock while it evaluates a query, and at most one lock at a time, with
// two exceptions, which are also the only locks that are held while a file is used:
//
//   - that of the log's preallocated space is held while the limit of the disk space is
//     checked (disk.go), which locks each head block in turn;
//   - that of a reader (reader.go) is held while it follows the log and opens the index, which
//     locks the states and the newest head block in turn.
//
// That of a standby (standby.go) guards only what is known of its server.
package store
