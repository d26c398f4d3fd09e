package store

import (
	"fmt"
	"sync"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// batchBytes is the maximum size of a message with more than one event.
	batchBytes = 256 << 10
	// gapBytes is the largest gap between two records that are read together. It is
	// larger than the header of a group.
	gapBytes = 512
	// cachedRecord is the maximum size of a cached record. Reading a larger one costs
	// little compared with sending it.
	cachedRecord = 4 << 10
)

// run is adjacent records of a batch that are read from a segment at once, or one record
// from the cache.
type run struct {
	segment   *eventlog.Segment // nil if the record is cached
	records   []wanted
	low, high int64 // the bytes to read
}

// run returns the run at the start of some records.
func (b *batch) run(records []wanted) run {
	first := records[0]
	if first.cached != nil {
		return run{records: records[:1]}
	}
	r := run{segment: b.store.log.SegmentOf(first.position), low: first.Offset, high: first.Offset + int64(first.Size)}
	n := 1
	for n < len(records) && r.extend(records[n], b.store.log.SegmentOf(records[n].position)) {
		n++
	}
	r.records = records[:n]
	return r
}

// extend extends the bytes to read by those of the next record, and reports whether that
// is possible: the record is near in the same segment, and the run does not become too long.
func (r *run) extend(next wanted, segment *eventlog.Segment) bool {
	end := next.Offset + int64(next.Size)
	above := next.Offset >= r.high && next.Offset <= r.high+gapBytes
	below := end <= r.low && end >= r.low-gapBytes
	low, high := min(r.low, next.Offset), max(r.high, end)
	if next.cached != nil || !above && !below || segment != r.segment || high-low > 2*batchBytes {
		return false
	}
	r.low, r.high = low, high
	return true
}

// worthCaching reports whether the run is one small record that was read alone.
func (r *run) worthCaching() bool {
	first := &r.records[0]
	return len(r.records) == 1 && first.cached == nil && first.lone && first.Size <= cachedRecord
}

var spans = sync.Pool{New: func() any { return new([]byte) }}

// read appends the verified records to dst.
func (r *run) read(dst []byte) ([]byte, error) {
	if r.segment == nil {
		return append(dst, r.records[0].cached...), nil
	}
	if r.isContiguous() {
		return r.readContiguous(dst)
	}
	pooled := spans.Get().(*[]byte)
	defer spans.Put(pooled)
	*pooled = grow((*pooled)[:0], int(r.high-r.low))
	if err := r.segment.ReadAt(*pooled, r.low); err != nil {
		return dst, err
	}
	for _, w := range r.records {
		record := (*pooled)[w.Offset-r.low:][:w.Size]
		if err := verify(r.segment, w, record); err != nil {
			return dst, err
		}
		dst = append(dst, record...)
	}
	return dst, nil
}

// isContiguous reports whether the records are in the order of the log and without gaps.
func (r *run) isContiguous() bool {
	last := r.records[len(r.records)-1]
	if r.records[0].Offset != r.low || last.Offset+int64(last.Size) != r.high {
		return false
	}
	bytes := int64(0)
	for _, w := range r.records {
		bytes += int64(w.Size)
	}
	return bytes == r.high-r.low
}

// readContiguous reads the records directly into dst.
func (r *run) readContiguous(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = grow(dst, int(r.high-r.low))
	if err := r.segment.ReadAt(dst[start:], r.low); err != nil {
		return dst[:start], err
	}
	at := start
	for _, w := range r.records {
		if err := verify(r.segment, w, dst[at:at+int(w.Size)]); err != nil {
			return dst[:start], err
		}
		at += int(w.Size)
	}
	return dst, nil
}

// grow extends b by n bytes with arbitrary content.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, len(b)+n), b...)
	}
	return b[:len(b)+n]
}

// verify returns a vfs.CorruptionError if the bytes are not those of the record.
func verify(segment *eventlog.Segment, w wanted, stored []byte) error {
	if eventlog.Checksum(stored) != w.CRC {
		return &vfs.CorruptionError{File: segment.Name, Offset: w.Offset, What: fmt.Sprintf("checksum mismatch in the event at position %d", w.position)}
	}
	if position, ok := record.PositionOf(stored); !ok || position != w.position {
		return &vfs.CorruptionError{File: segment.Name, Offset: w.Offset, What: fmt.Sprintf("the record does not have position %d, as the index says", w.position)}
	}
	return nil
}
