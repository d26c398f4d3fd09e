package sharedlog

import (
	"context"
	"time"
)

// Bounds of one answer of Read.
const (
	// ReadRecords is the maximum number of records.
	ReadRecords = 64
	// ReadBytes is the number of bytes after which no further record follows. So an answer
	// has fewer bytes than the sum of ReadBytes and MaxRecord.
	ReadBytes = 4 << 20
)

// ReportTTL is how long after its report a replica is listed.
const ReportTTL = 15 * time.Second

// Log is a durable, totally ordered log of records that several stores share. The package
// comment lists its promises as E1 to E6. To a Log, a record is opaque bytes.
//
// Any number of goroutines may call its methods. A Log stays usable after an error: it
// connects again when it is called. A method blocks until the engine answers or refuses, the
// connection fails, or ctx is done, and then returns within a second. It has no time limit of
// its own, which is the task of the caller. If ctx is done before the call, it returns an
// error. An error because of ctx need not wrap ctx.Err().
//
// Byte slices have one owner. Append does not change record, nor refer to it after it has
// returned. The result of Read belongs to the caller, who may change it.
type Log interface {
	// Create creates the log if there is none, and returns the origin of the log, which is
	// another one if the log existed. Of concurrent calls one creates it, and all return the
	// same origin. After an error the log may exist; the call can be repeated.
	Create(ctx context.Context, origin Origin) (Origin, error)

	// Origin returns the origin of the log, or ErrNoLog. It never creates a log.
	Origin(ctx context.Context) (Origin, error)

	// Append adds a record after a point, if the log ends with this point: its index and its
	// chain. The log of which nothing was appended ends with the point of its origin. chain is
	// the chain of the group in record. So the log then ends with the point
	// {after.Index+1, chain}.
	//
	// If the error is nil, this record is at after.Index+1, and durable. ErrConflict means
	// that the engine has refused this request. Whatever the error, ErrTooLarge excepted, the
	// record may be in the log, or be added later: see the package comment. Append may return
	// nil instead of ErrConflict if it finds the same bytes at the index.
	//
	// Append does not repeat a request of which the outcome is unknown: the caller does.
	Append(ctx context.Context, after Point, chain uint64, record []byte) error

	// Read returns records in order, the first one at index from: as many as the engine
	// returns at once, at most ReadRecords and about ReadBytes. It returns none and no error
	// if from is after the end. It may return fewer than there are, or none, if it is not
	// fresh, but not forever. It returns ErrTrimmed if from was trimmed, or is not after the
	// origin. While Trim is in progress, it returns what there was before or ErrTrimmed.
	Read(ctx context.Context, from uint64) ([]Record, error)

	// Wait blocks until the last index is above after. It may return nil earlier, but not so
	// often that a loop of Wait and Read keeps a CPU busy. A caller must not depend on it: it
	// also reads from time to time without a result of Wait. Wait, Report and Replicas need not
	// notice that there is no log.
	Wait(ctx context.Context, after uint64) error

	// Last returns the last point, that of the origin if nothing was appended. The answer is
	// linearizable: it includes every append that was acknowledged, and every record that was
	// read, on any connection, before the call. Trimming does not change it.
	Last(ctx context.Context) (Point, error)

	// Trim removes the records up to an index. An index above the last one removes all
	// records, but none that is added later. An index below the first record has no effect.
	// After an error some or all of them may be removed; the call can be repeated.
	Trim(ctx context.Context, through uint64) error

	// Report lists a replica for ReportTTL, by the engine's clock, and replaces its last
	// report.
	Report(ctx context.Context, replica Replica) error

	// Replicas returns the last report of each replica that is listed, in any order.
	Replicas(ctx context.Context) ([]Replica, error)

	// MaxRecord returns the size in bytes of the largest record. It never changes.
	MaxRecord() int

	// Close releases the connections. Calls in progress return ErrClosed, or what they would
	// return for a failed connection. A second Close has no effect.
	Close() error
}

// Record is a record of a log.
type Record struct {
	Index uint64
	Bytes []byte
}

// Replica is what a store reports about its copy of the log.
type Replica struct {
	ID      ID     // of the store directory; it remains the same when the server is restarted
	Address string // at which other servers reach this one; may be empty
	Program string // version of the program, for people
	Format  uint8  // newest version of records that the program reads, see Version
	Applied uint64 // index of the last group that readers see
	Durable uint64 // index of the last group that is synced in the directory
}
