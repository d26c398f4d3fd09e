package transfer

import (
	"bufio"
	"io"

	"github.com/umadb-go/umadb/internal/ndjson"
)

// progressEvents is the number of events between two calls of a progress function.
const progressEvents = 256

// Output is a buffered output.
type Output interface {
	io.Writer
	// Flush writes the buffer.
	Flush() error
}

// NewOutput returns an output to w, compressed with zstd or not.
func NewOutput(w io.Writer, compress bool) (Output, error) {
	if compress {
		return newFrameWriter(w)
	}
	return bufio.NewWriterSize(w, 64<<10), nil
}

// Export writes the records as lines, compressed or not, and returns the position of the
// last event. It calls progress with positions that it has written.
func Export(w io.Writer, source Records, compress bool, progress func(position uint64)) (head uint64, err error) {
	out, err := NewOutput(w, compress)
	if err != nil {
		return 0, err
	}
	if head, err = writeLines(out, source, progress); err == nil {
		err = out.Flush()
	}
	return head, err
}

func writeLines(out io.Writer, source Records, progress func(uint64)) (head uint64, err error) {
	lines := ndjson.NewRecordWriter(out)
	for r, err := range source {
		if err == nil {
			err = lines.Write(&r)
		}
		if err != nil {
			return head, err
		}
		head = max(head, r.Position)
		if head%progressEvents == 0 {
			progress(head)
		}
	}
	return head, nil
}
