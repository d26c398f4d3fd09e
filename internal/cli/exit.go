package cli

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/umadb-go/umadb/dcb"
)

// The exit codes, which README.md explains.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2
	exitConflict    = 3
	exitRefused     = 4
	exitUnavailable = 5
	exitCorrupted   = 6
	exitClosedPipe  = 128 + 13 // as a shell reports a program that SIGPIPE, signal 13, ended
)

// exitCodes says what each code means.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitDone, "done"},
	{exitFailure, "failure, explained in one sentence on standard error"},
	{exitUsage, "a mistake on the command line or in the environment, or in what they name, such as a certificate"},
	{exitConflict, "conflict: an append condition failed, tracking would go back, or histories do not mix"},
	{exitRefused, "the server wants another API key"},
	{exitUnavailable, "no connection to the server, or it broke"},
	{exitCorrupted, "the store is corrupted: `umadb check` says where"},
	{exitClosedPipe, "the output was a pipe that its reader closed, as `head` does: no message is printed, as if SIGPIPE had ended the program"},
}

// usageError is a mistake on the command line or in the environment, or in what they
// name: it does not go away by trying again.
type usageError struct{ error }

// Unwrap gives the error without the judgement.
func (e usageError) Unwrap() error { return e.error }

func usageErrorf(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case isQuiet(err):
		return exitClosedPipe
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, dcb.ErrCorruption):
		return exitCorrupted
	case errors.Is(err, dcb.ErrIntegrity):
		return exitConflict
	case errors.Is(err, dcb.ErrAuthentication):
		return exitRefused
	case errors.Is(err, dcb.ErrTransport):
		return exitUnavailable
	}
	return exitFailure
}

// isQuiet reports whether an error needs no message: the reader of the output, such as
// head, has closed the pipe.
func isQuiet(err error) bool { return errors.Is(err, syscall.EPIPE) }
