package transfer

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/umadb-go/umadb/internal/ndjson"
)

// Reader reads an export, compressed or not.
type Reader struct {
	lines ndjson.RecordReader
	first ndjson.Record
}

// NewReader returns a reader of an export. It reads the first record, and fails if there is
// none, so that the caller can reject invalid input before it creates a store.
func NewReader(in io.Reader) (*Reader, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	compressed, err := isCompressed(buffered)
	if err != nil {
		return nil, err
	}
	text := io.Reader(buffered)
	if compressed {
		if text, err = newFrameReader(buffered); err != nil {
			return nil, err
		}
	}
	r := &Reader{lines: ndjson.RecordReader{Reader: ndjson.NewReader(text, "", "umadb import")}}
	r.first, err = r.lines.Next()
	if errors.Is(err, ndjson.ErrIncomplete) {
		err = errors.New("there is nothing to import: the input is empty, or an incomplete line")
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// records iterates over the records. It can be called once.
func (r *Reader) records(yield func(ndjson.Record, error) bool) {
	next, err := r.first, error(nil)
	for yield(next, err) && err == nil && next.End == nil {
		next, err = r.lines.Next()
	}
}

// Import copies an export into a store, and returns the number of tracking-only records
// that it has written. After an error, the store is a prefix of the export, unless
// IsSourceInvalid reports that the export is invalid. It calls progress with positions up to
// which it has compared the records or passed them on to be written.
func Import(ctx context.Context, to Target, from *Reader, progress func(position uint64)) (tracking uint64, err error) {
	unmatched, err := collectTracking(to.TrackingSources(ctx))
	if err != nil {
		return 0, err
	}
	r := &restorer{to: to, unmatched: unmatched, progress: progress}
	return r.restore(ctx, from.records)
}
