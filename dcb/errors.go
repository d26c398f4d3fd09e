package dcb

import "errors"

// The kinds of error, to be matched with errors.Is. The message of an error
// starts with the text of its kind.
var (
	// ErrIntegrity is returned when an append condition fails, or when a
	// tracking position is not greater than the recorded one.
	ErrIntegrity = errors.New("integrity error")
	// ErrInvalidArgument is returned when a request is invalid or exceeds a limit.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrAuthentication is returned when the API key is missing or wrong.
	ErrAuthentication = errors.New("authentication error")
	// ErrCorruption is returned when stored data is corrupt, for example after
	// a checksum mismatch.
	ErrCorruption = errors.New("corruption detected")
	// ErrIO is returned when a file operation fails or the disk is full.
	ErrIO = errors.New("io error")
	// ErrInternal is returned when the store fails because of a bug.
	ErrInternal = errors.New("internal error")
	// ErrSerialization is returned when a server other than this one could not
	// decode an event.
	ErrSerialization = errors.New("serialization error")
	// ErrTransport is returned by a remote store when there is no connection,
	// a deadline expires or a stream breaks. An append may have succeeded
	// nevertheless; see Error.NotAppended.
	ErrTransport = errors.New("transport error")
	// ErrClosed is returned when a store is used after Close.
	ErrClosed = errors.New("the event store is closed")
)

// Error is an error with its kind, a detail and, if an append condition failed,
// the position of the conflicting event.
type Error struct {
	// Kind is one of the error variables of this package.
	Kind error
	// Detail describes what failed, where, and what to do about it.
	Detail string
	// ConflictPosition is the position of the first event that matched a failed
	// append condition. It is 0 for any other error, and if the server did not
	// send the position.
	ConflictPosition uint64
	// NotAppended reports that the events of an append that failed with
	// ErrTransport were certainly not stored. If it is false, the outcome of
	// such an append is unknown.
	NotAppended bool
	// Cause is the underlying error; it may be nil.
	Cause error
}

// Error returns the kind, the detail and the cause in one line, such as
// "integrity error: …".
func (e *Error) Error() string {
	text := e.Kind.Error() + ": " + e.Detail
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the kind and the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
