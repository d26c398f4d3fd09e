package sharedlog

import "errors"

// Adapters wrap these errors. All other errors of a Log mean that the engine failed, or that
// the context was done.
var (
	// ErrConflict is returned by Append if the log did not end with the given point when the
	// engine compared it. It does not prove that the record at the index is another one:
	// the request may have been sent twice. It does not even prove that there is one: an
	// engine may compare with a record that it never adds.
	ErrConflict = errors.New("the log does not end with this record")
	// ErrTrimmed is returned by Read if the record was trimmed, or is not after the origin.
	ErrTrimmed = errors.New("the record is no longer in the shared log")
	// ErrNoLog is returned if the log was not created.
	ErrNoLog = errors.New("there is no shared log")
	// ErrTooLarge is returned by Append if the record is larger than MaxRecord. The record is
	// not added. It is the only error of Append that is certain.
	ErrTooLarge = errors.New("the record is too large for the shared log")
	// ErrClosed is returned after Close, and by calls that Close interrupts.
	ErrClosed = errors.New("the shared log is closed")

	// ErrURL is returned by functions that open a log if its URL is invalid. Trying again is of
	// no use.
	ErrURL = errors.New("invalid URL of the shared log")

	// ErrVersion is returned by Decode if a newer program wrote the record.
	ErrVersion = errors.New("unknown version of a shared log record")
	// ErrCorrupt is returned by Decode for bytes that are not a record, or that differ from
	// what its writer encoded.
	ErrCorrupt = errors.New("corrupt shared log record")
)
