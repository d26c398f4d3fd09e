package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
)

// missingNotes is the flag for notes about types and tags that no event has.
type missingNotes struct{ on bool }

func (e *missingNotes) addFlag(flags *pflag.FlagSet) {
	flags.BoolVar(&e.on, "explain", false, "print which types and tags of the query no event has, if none was found; the default on a terminal")
	perCall(flags, "explain")
}

// maxNotes is the maximum number of notes.
const maxNotes = 10

// note prints which types and tags of a query no event has, and returns their number. Without the
// flag, it does so only on a terminal, and an error, such as that of a server which cannot tell,
// is ignored.
func (e *missingNotes) note(ctx context.Context, s dcb.EventStore, query dcb.Query, stderr io.Writer) (int, error) {
	if !e.on && !isTerminal(stderr) || len(query.Items) == 0 {
		return 0, nil
	}
	counts, err := s.(dcb.TermIndex).CountTerms(ctx, query)
	if err != nil {
		if e.on {
			return 0, err
		}
		return 0, nil
	}
	types, tags := counts.Missing()
	var notes []string
	for _, name := range types {
		notes = append(notes, "no event has the type "+word(name))
	}
	for _, name := range tags {
		notes = append(notes, "no event has the tag "+word(name))
	}
	for _, note := range notes[:min(len(notes), maxNotes)] {
		fmt.Fprintf(stderr, "umadb: %s\n", note)
	}
	if more := len(notes) - maxNotes; more > 0 {
		fmt.Fprintf(stderr, "umadb: nor any of %d other types and tags of the query\n", more)
	}
	return len(notes), nil
}

// afterRead prints notes about a read that has found nothing.
func (e *missingNotes) afterRead(ctx context.Context, s dcb.EventStore, query dcb.Query, stderr io.Writer) error {
	notes, err := e.note(ctx, s, query, stderr)
	if e.on && err == nil && notes == 0 && len(query.Items) > 0 {
		fmt.Fprintln(stderr, "umadb: no event was found, although each type and tag of the query has events")
	}
	return err
}
