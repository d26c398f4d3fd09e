package cli

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/umadb-go/umadb/dcb"
)

// The exit codes, documented in docs/settings.md.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2
	exitConflict    = 3
	exitRefused     = 4
	exitUnavailable = 5
	exitCorrupted   = 6
	exitClosedPipe  = 128 + 13 // what a shell reports for a program ended by SIGPIPE, signal 13
)

// exitCodes describes each exit code.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitDone, "success"},
	{exitFailure, "failure; standard error has the reason in one sentence"},
	{exitUsage, "usage error: an invalid flag, argument, variable or setting, or an unusable file that one of them names, such as a certificate"},
	{exitConflict, "conflict: an append condition failed, a tracking position would not increase, or the histories of an import differ"},
	{exitRefused, "authentication failed: the server requires another API key"},
	{exitUnavailable, "cannot connect to the server or the shared log, or the connection was lost"},
	{exitCorrupted, "the store is corrupt (`umadb check` shows where), or differs from the shared log (`umadb cluster verify`)"},
	{exitClosedPipe, "the reader of the output closed the pipe, as `head` does; no message is printed, as with SIGPIPE"},
}

// usageError is an error in the command line or the environment, or in a file that one of
// them names. A retry cannot succeed.
type usageError struct{ error }

// Unwrap returns the wrapped error.
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
	case errors.Is(err, errors.ErrUnsupported):
		return exitFailure
	case errors.Is(err, dcb.ErrTransport):
		return exitUnavailable
	}
	return exitFailure
}

// isQuiet reports whether an error needs no message because the reader of the output, such
// as head, has closed the pipe.
func isQuiet(err error) bool { return errors.Is(err, syscall.EPIPE) }
