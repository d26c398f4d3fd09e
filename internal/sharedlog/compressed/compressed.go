// Package compressed compresses the records of a shared log. An engine sends each record to all
// of its servers and keeps it several times, so that compression makes up for its CPU time.
package compressed

import (
	"context"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// The first byte of a stored record is its form. The forms never change.
const (
	plain byte = 0 // the record follows
	frame byte = 1 // a zstd frame follows, which contains the size of the record
)

// readBytes is the number of bytes after which Read returns no further record. Records that the
// log has sent and that are not returned are sent again, so it is more than ReadBytes: those that
// were compressed to ReadBytes usually fit.
const readBytes = 4 * sharedlog.ReadBytes

// maxRecord bounds the size of a record that is read. It is that of the largest record of any log:
// a store whose log has a higher limit may have appended it.
const maxRecord = 32 << 20

// compressFrom is the size in bytes from which compression of a record is tried.
const compressFrom = 256

// Log is a shared log with compressed records.
type Log struct {
	sharedlog.Log
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// New returns a shared log whose records are compressed in log if that makes them smaller. All
// stores that share a log must use it.
func New(log sharedlog.Log) *Log {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are constants
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err)
	}
	return &Log{Log: log, encoder: encoder, decoder: decoder}
}

// Unwrap implements sharedlog.Wrapper.
func (l *Log) Unwrap() sharedlog.Log { return l.Log }

// MaxRecord implements sharedlog.Log.
func (l *Log) MaxRecord() int { return l.Log.MaxRecord() - 1 }

// Append implements sharedlog.Log.
func (l *Log) Append(ctx context.Context, after sharedlog.Point, chain uint64, record []byte) error {
	if len(record) > l.MaxRecord() {
		return fmt.Errorf("%w: %d bytes, over %d", sharedlog.ErrTooLarge, len(record), l.MaxRecord())
	}
	return l.Log.Append(ctx, after, chain, l.compress(record))
}

func (l *Log) compress(record []byte) []byte {
	stored := make([]byte, 1, 1+len(record))
	if len(record) >= compressFrom {
		stored[0] = frame
		if stored = l.encoder.EncodeAll(record, stored); len(stored) <= len(record) {
			return stored
		}
	}
	return append(append(stored[:0], plain), record...)
}

// Read implements sharedlog.Log. An answer has fewer bytes than the sum of readBytes and maxRecord.
func (l *Log) Read(ctx context.Context, from uint64) ([]sharedlog.Record, error) {
	records, err := l.Log.Read(ctx, from)
	bytes := 0
	for i := range records {
		if bytes >= readBytes {
			return records[:i], err
		}
		record, err := l.decompress(records[i].Bytes)
		if err != nil && i > 0 {
			return records[:i], nil // the next call returns the error
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", records[i].Index, err)
		}
		records[i].Bytes = record
		bytes += len(record)
	}
	return records, err
}

// decompress returns the record of a stored one, which it may alias.
func (l *Log) decompress(stored []byte) ([]byte, error) {
	switch {
	case len(stored) == 0:
		return nil, fmt.Errorf("%w: it is empty", sharedlog.ErrCorrupt)
	case stored[0] == plain:
		return stored[1:], nil
	case stored[0] != frame:
		return nil, fmt.Errorf("%w: unknown form %d", sharedlog.ErrVersion, stored[0])
	}
	var header zstd.Header
	if err := header.Decode(stored[1:]); err != nil {
		return nil, fmt.Errorf("%w: %w", sharedlog.ErrCorrupt, err)
	}
	size := header.FrameContentSize
	switch {
	case header.Skippable || !header.HasFCS:
		return nil, fmt.Errorf("%w: the frame has no size", sharedlog.ErrCorrupt)
	case size > maxRecord:
		return nil, fmt.Errorf("%w: it has %d bytes, over %d", sharedlog.ErrCorrupt, size, maxRecord)
	}
	record, err := l.decoder.DecodeAll(stored[1:], make([]byte, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sharedlog.ErrCorrupt, err)
	}
	if uint64(len(record)) != size {
		return nil, fmt.Errorf("%w: it has %d bytes instead of %d", sharedlog.ErrCorrupt, len(record), size)
	}
	return record, nil
}
