package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

// storeError returns an error of a lower package as an error of package dcb.
func storeError(err error, doing string) error {
	if err == nil {
		return nil
	}
	_, known := errors.AsType[*dcb.Error](err)
	_, corrupt := errors.AsType[*vfs.CorruptionError](err)
	switch {
	case known, errors.Is(err, dcb.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, os.ErrClosed):
		return dcb.ErrClosed
	case corrupt:
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: doing, Cause: err}
	case errors.Is(err, eventlog.ErrOtherHistory):
		return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: doing, Cause: err}
	case errors.Is(err, eventlog.ErrNoLog):
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: doing, Cause: err}
	case errors.Is(err, vfs.ErrVersion):
		return &dcb.Error{Kind: dcb.ErrIO, Detail: doing + " (a newer version of umadb wrote this store; open it with that version)", Cause: err}
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: doing, Cause: err}
}

// notReserved returns the error of an append for which the log could not allocate space.
func notReserved(err error) error {
	detail := "cannot allocate space in the log for the append; nothing was written"
	switch {
	case isDiskLimit(err):
		detail = "the store takes all the disk space that it may take; the append was not written; raise the limit (--max-disk, or the option MaxDiskBytes) and try again"
	case vfs.IsFull(err):
		detail = "the disk is full or the quota is used up; the append was not written; free space and try again"
	case vfs.IsTooManyFiles(err):
		detail = "the limit of open files is reached; the append was not written; raise the limit (ulimit -n) and try again"
	}
	if vfs.IsFull(err) { // the limit is one too
		err = noSpaceError{err}
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: detail, Cause: err}
}

// noSpaceError is the cause of an append that is refused for lack of disk space.
type noSpaceError struct{ error }

// Is reports whether target is record.ErrNoSpace.
func (e noSpaceError) Is(target error) bool { return target == record.ErrNoSpace }

// Unwrap returns the error of the disk or of the limit.
func (e noSpaceError) Unwrap() error { return e.error }

// copyFull returns the error of a standby or a replica that cannot allocate space for a group of
// another server.
func copyFull(err error) error {
	detail := "the disk is full or the quota is used up: free space"
	switch {
	case isDiskLimit(err):
		detail = "the store takes all the disk space that it may take: raise the limit (--max-disk, or the option MaxDiskBytes)"
	case vfs.IsTooManyFiles(err):
		detail = "the limit of open files is reached: raise the limit (ulimit -n)"
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: "cannot allocate space for a commit of another server; " + detail, Cause: err}
}

// copyBehind returns the error of a standby or a replica whose index cannot be written.
func copyBehind(err error) error {
	if vfs.IsFull(err) || vfs.IsTooManyFiles(err) {
		return copyFull(err)
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: "the index cannot be written, and too many of its blocks wait in memory; repair the cause", Cause: err}
}

// tooLarge returns the error of an append with more bytes than a group can have.
func tooLarge(size, largest int) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the append takes up to %d bytes, and a record of the shared log has at most %d; append fewer events at a time", size, largest)}
}

// indexBehind returns the error of an append that is refused because the index cannot
// be written.
func indexBehind(err error) error {
	if vfs.IsFull(err) || vfs.IsTooManyFiles(err) {
		return notReserved(err)
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: "the index cannot be written, and too many of its blocks wait in memory; the append was not written; repair the cause and try again", Cause: err}
}

func conflictError(condition *dcb.AppendCondition, position uint64) error {
	return &dcb.Error{
		Kind:             dcb.ErrIntegrity,
		Detail:           fmt.Sprintf("the event at position %d matches the append condition %s after %d", position, describe(condition.FailIfEventsMatch), condition.After),
		ConflictPosition: position,
	}
}

// describedBytes is the approximate limit of the text of a query in a message.
const describedBytes = 400

// describe returns a query as text, shortened if it is long.
func describe(query dcb.Query) string {
	if query.MatchesAll() {
		return "(every event)"
	}
	var b strings.Builder
	for i, item := range query.Items {
		if i > 0 {
			b.WriteString(" or ")
		}
		fmt.Fprintf(&b, "(types %q, tags %q)", shortened(item.Types), shortened(item.Tags))
		if b.Len() > describedBytes && i+1 < len(query.Items) {
			fmt.Fprintf(&b, " or %d more items", len(query.Items)-i-1)
			break
		}
	}
	return b.String()
}

// shortened returns the first few terms, each shortened, and the number of the others.
func shortened(terms []string) []string {
	const maxTerms, maxBytes = 5, 40
	var out []string
	for i, term := range terms {
		if i == maxTerms {
			return append(out, fmt.Sprintf("… %d more", len(terms)-maxTerms))
		}
		if len(term) > maxBytes {
			term = term[:maxBytes] + "…"
		}
		out = append(out, term)
	}
	return out
}
