package cli

import (
	"bufio"
	"errors"
	"io"

	"github.com/umadb-go/umadb/internal/ndjson"
)

// exportReader reads an export, compressed or not.
type exportReader struct {
	ndjson.RecordReader
	first *ndjson.Record // read ahead by prime
}

func newExportReader(r io.Reader) (*exportReader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	compressed, err := isCompressed(in)
	if err != nil {
		return nil, err
	}
	lines := io.Reader(in)
	if compressed {
		if lines, err = newFrameReader(in); err != nil {
			return nil, err
		}
	}
	return &exportReader{RecordReader: ndjson.RecordReader{Reader: ndjson.NewReader(lines, "", "umadb import")}}, nil
}

// prime reads the first record ahead, and fails if there is none.
func (e *exportReader) prime() error {
	r, err := e.Next()
	if errors.Is(err, ndjson.ErrIncomplete) {
		return errors.New("there is nothing to import: the input is empty, or an incomplete line")
	}
	e.first = &r
	return err
}

// records iterates over the records of the lines.
func (e *exportReader) records(yield func(ndjson.Record, error) bool) {
	r, err := *e.first, error(nil)
	for {
		if !yield(r, err) || err != nil || r.End != nil {
			return
		}
		r, err = e.Next()
	}
}
