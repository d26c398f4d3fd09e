package backup

import (
	"errors"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// asError returns an error of a file or of the log as an error of package dcb.
func asError(err error, doing string) error {
	if err == nil {
		return nil
	}
	_, known := errors.AsType[*dcb.Error](err)
	_, corrupt := errors.AsType[*vfs.CorruptionError](err)
	kind := dcb.ErrIO
	switch {
	case known:
		return err
	case corrupt:
		kind = dcb.ErrCorruption
	case errors.Is(err, eventlog.ErrOtherHistory):
		kind = dcb.ErrIntegrity
	case errors.Is(err, eventlog.ErrNoLog):
		kind = dcb.ErrInvalidArgument
	}
	return &dcb.Error{Kind: kind, Detail: doing, Cause: err}
}

// targetError returns the error of writing a copy. A group that does not continue the copy
// is one that the source should not have sent.
func targetError(err error) error {
	if errors.Is(err, eventlog.ErrNotNext) {
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: "the source sent an invalid group", Cause: err}
	}
	return asError(err, "writing the copy")
}
