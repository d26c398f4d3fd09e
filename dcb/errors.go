package dcb

import "errors"

// The kinds of failure, to be matched with errors.Is. The text of a kind
// begins the message of every error of it.
var (
	// ErrIntegrity is returned when an append condition fails, or when a
	// tracking position is not greater than the recorded one.
	ErrIntegrity = errors.New("integrity error")
	// ErrInvalidArgument is returned when a request breaks a rule or a limit.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrAuthentication is returned when the API key is missing or wrong.
	ErrAuthentication = errors.New("authentication error")
	// ErrCorruption is returned when stored data does not bear its checksum.
	ErrCorruption = errors.New("corruption detected")
	// ErrIO is returned when the disk or a file fails, or space has run out.
	ErrIO = errors.New("io error")
	// ErrInternal is returned when the store itself is at fault.
	ErrInternal = errors.New("internal error")
	// ErrSerialization is returned when another server could not decode an event.
	ErrSerialization = errors.New("serialization error")
	// ErrTransport is returned by a remote store when there is no connection,
	// a deadline passes or a stream breaks. An append may then have happened.
	ErrTransport = errors.New("transport error")
	// ErrClosed is returned by a store after Close.
	ErrClosed = errors.New("the event store is closed")
)

// Error is a failure with its kind, its detail and, for a failed condition,
// the event that made it fail.
type Error struct {
	// Kind is one of the sentinels of this package.
	Kind error
	// Detail says what was wrong, where, and what to do.
	Detail string
	// ConflictPosition is the position of the first event that matched a failed
	// append condition; 0 if the failure is another, or the server did not say.
	ConflictPosition uint64
	// NotAppended reports that an append that failed with ErrTransport has certainly not
	// happened. If it is false, the outcome of such an append is unknown.
	NotAppended bool
	// Cause is the error beneath, or nil.
	Cause error
}

// Error gives the kind, the detail and the cause, as in
// "integrity error: …".
func (e *Error) Error() string {
	text := e.Kind.Error() + ": " + e.Detail
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap gives the kind and the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
