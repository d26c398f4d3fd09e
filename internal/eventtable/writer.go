package eventtable

import (
	"io"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Writer writes stored events as the rows of a table, in the order of the calls.
type Writer interface {
	// Write writes an event, which must not change until Close returns.
	Write(e *dcb.SequencedEvent) error
	// Close writes the rest of the table. It does not close the output.
	Close() error
}

// Create returns a writer of a table to an output. It may already write the beginning.
type Create func(out io.Writer) (Writer, error)

// Precision is the precision of recorded times in tables. All programs that read tables have
// it, and so does Python's datetime.
const Precision = time.Microsecond
