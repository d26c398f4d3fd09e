package cli

import (
	"bufio"
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// printBuffer is the size of the output buffer in bytes.
const printBuffer = 64 << 10

// printer writes events as lines of JSON, or as text for people.
type printer struct {
	w       *bufio.Writer
	asJSON  bool
	palette palette
	scratch []byte
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	return &printer{w: bufio.NewWriterSize(w, printBuffer), asJSON: asJSON, palette: newPalette(wantsColour(w))}
}

// print writes an event to the buffer.
func (p *printer) print(e *dcb.SequencedEvent) error {
	if p.asJSON {
		p.scratch = ndjson.AppendEvent(p.scratch[:0], e)
	} else {
		p.scratch = p.palette.appendEvent(p.scratch[:0], e)
	}
	_, err := p.w.Write(p.scratch)
	return err
}

// flush writes the buffer to the output.
func (p *printer) flush() error { return p.w.Flush() }

// printAll prints the events of a read, flushes after each batch, and returns the number of
// events.
func (p *printer) printAll(response *dcb.ReadResponse) (count uint64, err error) {
	defer response.Close()
	for {
		events, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		for i := range events {
			if err := p.print(&events[i]); err != nil {
				return count, err
			}
		}
		count += uint64(len(events))
		if err := p.flush(); err != nil {
			return count, err
		}
	}
}
