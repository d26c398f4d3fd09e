// Package parquet writes stored events as Parquet.
package parquet

import (
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventtable"
)

// Bounds of a row group. It is in memory, compressed, until it is complete. Programs read row
// groups in parallel, and skip those without the positions or times that a query asks for.
const (
	groupRows  = 128 << 10
	groupBytes = 32 << 20 // before compression
)

// chunkRows is the number of rows that are passed to the library at once.
const chunkRows = 64

// maxDictionary bounds the distinct values that the library keeps of a column, in bytes.
const maxDictionary = 1 << 20

// writer collects rows into row groups.
type writer struct {
	out   *parquet.GenericWriter[row]
	chunk []parquet.Row // the rows that are not yet passed to the library
	rows  int           // in the row group, including those of chunk
	bytes int           // size of their events
}

// New returns a writer of Parquet, compressed with zstd.
func New(out io.Writer) (eventtable.Writer, error) {
	options := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{}),
		parquet.DictionaryMaxBytes(maxDictionary),
		parquet.DataPageStatistics(false),
	}
	for _, path := range unbounded {
		options = append(options, parquet.SkipPageBounds(path...))
	}
	return &writer{out: parquet.NewGenericWriter[row](out, options...), chunk: make([]parquet.Row, 0, chunkRows)}, nil
}

// Write adds a row, and writes the row group if it is complete.
func (w *writer) Write(e *dcb.SequencedEvent) error {
	if e.Position > math.MaxInt64 {
		return fmt.Errorf("position %d is above %d, the largest one in a Parquet file", e.Position, math.MaxInt64)
	}
	w.add(e)
	complete := w.rows == groupRows || w.bytes >= groupBytes
	if len(w.chunk) == chunkRows || complete {
		if err := w.flushChunk(); err != nil {
			return err
		}
	}
	if !complete {
		return nil
	}
	w.rows, w.bytes = 0, 0
	return w.out.Flush()
}

// add adds a row to the chunk.
func (w *writer) add(e *dcb.SequencedEvent) {
	n := len(w.chunk)
	w.chunk = w.chunk[:n+1] // the row that was there before is overwritten
	w.chunk[n] = appendRow(w.chunk[n][:0], e)
	w.rows++
	w.bytes += len(e.Event.Type) + len(e.Event.UUID) + len(e.Event.Data)
	for _, tag := range e.Event.Tags {
		w.bytes += len(tag)
	}
	for _, m := range e.Event.Metadata {
		w.bytes += len(m.Key) + len(m.Value)
	}
}

// flushChunk passes the rows of the chunk to the library, which copies them.
func (w *writer) flushChunk() error {
	_, err := w.out.WriteRows(w.chunk)
	for _, row := range w.chunk {
		clear(row) // the garbage collector can free the events
	}
	w.chunk = w.chunk[:0]
	return err
}

// Close writes the last row group and the footer of the file.
func (w *writer) Close() error {
	if err := w.flushChunk(); err != nil {
		return err
	}
	return w.out.Close()
}
