package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// storeError gives an error of the rooms below as an error of package dcb.
func storeError(err error, doing string) error {
	var known *dcb.Error
	var damage *vfs.CorruptionError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, dcb.ErrClosed),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, os.ErrClosed):
		return dcb.ErrClosed
	case errors.As(err, &damage):
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: doing, Cause: err}
	case errors.Is(err, eventlog.ErrNoLog):
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: doing, Cause: err}
	case errors.Is(err, eventlog.ErrVersion), errors.Is(err, index.ErrVersion):
		return &dcb.Error{Kind: dcb.ErrIO, Detail: doing + " (a newer umadb made this store; open it with that one)", Cause: err}
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: doing, Cause: err}
}

// notReserved returns the error of an append for which the log could not make space.
func notReserved(err error) error {
	detail := "space for the append could not be made, and nothing was written"
	switch {
	case vfs.IsFull(err):
		detail = "there is no room for the append, nothing was written, and it may be tried again once there is"
	case vfs.IsTooManyFiles(err):
		detail = "too many files are open to open one for the append, nothing was written, and it may be tried again; raise the limit of open files (ulimit -n)"
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: detail, Cause: err}
}

// indexBehind returns the error of an append that is refused because the index cannot
// be written.
func indexBehind(err error) error {
	if vfs.IsFull(err) || vfs.IsTooManyFiles(err) {
		return notReserved(err)
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: "the index cannot be written, and too much of it waits; nothing was written, and the append may be tried again once the index can be", Cause: err}
}

func conflictError(condition *dcb.AppendCondition, position uint64) error {
	return &dcb.Error{
		Kind:             dcb.ErrIntegrity,
		Detail:           fmt.Sprintf("the event at position %d matches the append condition %s after %d", position, describe(condition.FailIfEventsMatch), condition.After),
		ConflictPosition: position,
	}
}

func trackingError(info *dcb.TrackingInfo, recorded uint64) error {
	return &dcb.Error{
		Kind:   dcb.ErrIntegrity,
		Detail: fmt.Sprintf("non-increasing tracking position for source %.60q: %d is not greater than %d, which is recorded", info.Source, info.Position, recorded),
	}
}

// describedBytes bounds the text of a query in a message.
const describedBytes = 400

// describe gives a query as text, shortened if it is long.
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

// shortened gives the first few terms, each shortened, and how many more there are.
func shortened(terms []string) []string {
	const most, longest = 5, 40
	var out []string
	for i, term := range terms {
		if i == most {
			return append(out, fmt.Sprintf("… %d more", len(terms)-most))
		}
		if len(term) > longest {
			term = term[:longest] + "…"
		}
		out = append(out, term)
	}
	return out
}
