package cli

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
)

// The exit codes. Others are reserved for verbs to come: 3 a conflict, 4 a
// refused key, 5 no connection.
const (
	exitDone      = 0
	exitFailure   = 1
	exitUsage     = 2
	exitCorrupted = 6
)

// usageError is a mistake on the command line or in the environment.
type usageError struct{ error }

func usageErrorf(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, dcb.ErrCorruption):
		return exitCorrupted
	default:
		return exitFailure
	}
}
