package store

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/umadb-go/umadb/internal/wire/encoding"
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

// fetcher locates positions and reads their records, in the order of the direction.
type fetcher struct {
	store     *Store
	direction index.Direction
	bound     batchBound
	bytes     int // of the records added
	need      int // bytes of the first record, if it exceeds the bound
	records   []wanted
	locations []index.Location
}

// wanted is a record to be read, or its bytes from the cache.
type wanted struct {
	index.Location
	position uint64
	cached   []byte
	lone     bool // no adjacent record is wanted, so the record is cached
}

// gather locates positions of one block, in the order of the direction. It stops
// before the first that exceeds the bound, and returns the number added.
func (f *fetcher) gather(b block, positions []uint64) (int, error) {
	for i := 0; i < len(positions); {
		n := f.adjacent(positions[i:])
		if n == 1 {
			if record, ok := f.store.cache.Get(f.store.recordKey(positions[i])); ok {
				if !f.add(wanted{position: positions[i], cached: record}, len(record)) {
					return i, nil
				}
				i++
				continue
			}
		}
		low := min(positions[i], positions[i+n-1])
		var err error
		f.locations, err = b.Locations(f.locations[:0], low, n)
		if err != nil {
			return i, err
		}
		for j := range n {
			at := j
			if f.direction == index.Backwards {
				at = n - 1 - j
			}
			w := wanted{Location: f.locations[at], position: positions[i+j], lone: n == 1}
			if !f.add(w, int(w.Size)) {
				return i + j, nil
			}
		}
		i += n
	}
	return len(positions), nil
}

// add adds a record and reports whether it fits in the bound.
func (f *fetcher) add(w wanted, size int) bool {
	first := len(f.records) == 0
	if first && size > f.bound.bytes {
		f.need = size
		return false
	}
	if !first && f.bytes+size > min(f.bound.bytes, batchBytes) {
		return false
	}
	f.bytes += size
	f.records = append(f.records, w)
	return true
}

// recordKey returns the cache key of a record.
func (s *Store) recordKey(position uint64) index.CacheKey {
	return index.CacheKey{Owner: s.records, Number: position}
}

// adjacent returns the number of leading positions that follow one another directly.
func (f *fetcher) adjacent(positions []uint64) int {
	step := uint64(1)
	if f.direction == index.Backwards {
		step = ^uint64(0)
	}
	n := 1
	for n < len(positions) && positions[n] == positions[n-1]+step {
		n++
	}
	return n
}

// read verifies the added records and appends them to dst.
func (f *fetcher) read(dst []byte) ([]byte, error) {
	for rest := f.records; len(rest) > 0; {
		if rest[0].cached != nil {
			dst = append(dst, rest[0].cached...)
			rest = rest[1:]
			continue
		}
		segment := f.store.log.SegmentOf(rest[0].position)
		n, low, high := f.near(segment, rest)
		start := len(dst)
		var err error
		dst, err = readSpan(dst, segment, rest[:n], low, high)
		if err != nil {
			return dst, err
		}
		if n == 1 && rest[0].lone && rest[0].Size <= cachedRecord {
			f.store.cache.Put(f.store.recordKey(rest[0].position), bytes.Clone(dst[start:]))
		}
		rest = rest[n:]
	}
	return dst, nil
}

// near returns the number of leading records that can be read together from a segment,
// and the range of their bytes.
func (f *fetcher) near(segment *eventlog.Segment, records []wanted) (n int, low, high int64) {
	low, high = records[0].Offset, records[0].Offset+int64(records[0].Size)
	for n = 1; n < len(records); n++ {
		r := records[n]
		end := r.Offset + int64(r.Size)
		above := r.Offset >= high && r.Offset <= high+gapBytes
		below := end <= low && end >= low-gapBytes
		if r.cached != nil || !above && !below || f.store.log.SegmentOf(r.position) != segment || max(high, end)-min(low, r.Offset) > 2*batchBytes {
			break
		}
		low, high = min(low, r.Offset), max(high, end)
	}
	return n, low, high
}

var spans = sync.Pool{New: func() any { return new([]byte) }}

// readSpan reads the bytes from low to high, and appends the records in it to dst.
func readSpan(dst []byte, segment *eventlog.Segment, records []wanted, low, high int64) ([]byte, error) {
	last := records[len(records)-1]
	if records[0].Offset == low && last.Offset+int64(last.Size) == high && total(records) == high-low {
		return readContiguous(dst, segment, records, low, high)
	}
	pooled := spans.Get().(*[]byte)
	defer spans.Put(pooled)
	*pooled = grow((*pooled)[:0], int(high-low))
	if err := segment.ReadAt(*pooled, low); err != nil {
		return dst, err
	}
	for _, r := range records {
		record := (*pooled)[r.Offset-low:][:r.Size]
		if err := verify(segment, r, record); err != nil {
			return dst, err
		}
		dst = append(dst, record...)
	}
	return dst, nil
}

// readContiguous reads records that are in order and without gaps directly into dst.
func readContiguous(dst []byte, segment *eventlog.Segment, records []wanted, low, high int64) ([]byte, error) {
	start := len(dst)
	dst = grow(dst, int(high-low))
	if err := segment.ReadAt(dst[start:], low); err != nil {
		return dst[:start], err
	}
	at := start
	for _, r := range records {
		if err := verify(segment, r, dst[at:at+int(r.Size)]); err != nil {
			return dst[:start], err
		}
		at += int(r.Size)
	}
	return dst, nil
}

func total(records []wanted) (n int64) {
	for _, r := range records {
		n += int64(r.Size)
	}
	return n
}

// grow extends b by n bytes with arbitrary content.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, len(b)+n), b...)
	}
	return b[:len(b)+n]
}

func verify(segment *eventlog.Segment, r wanted, record []byte) error {
	if eventlog.Checksum(record) != r.CRC {
		return &vfs.CorruptionError{File: segment.Name, Offset: r.Offset, What: fmt.Sprintf("checksum mismatch in the event at position %d", r.position)}
	}
	if position, ok := encoding.RecordPosition(record); !ok || position != r.position {
		return &vfs.CorruptionError{File: segment.Name, Offset: r.Offset, What: fmt.Sprintf("the record does not have position %d, as the index says", r.position)}
	}
	return nil
}

// eachEvent calls visit for the events from first to last until it returns false.
func (s *Store) eachEvent(ctx context.Context, sn snapshot, first, last uint64, visit func(encoding.Event) bool) error {
	for first <= last {
		b, next, err := s.batch(ctx, sn, &query{all: true}, first, last, index.Forwards, batchBound{encoding.DefaultBatchSize, math.MaxInt}, nil)
		if err != nil {
			return err
		}
		for record, err := range encoding.StoredRecords(b, first, next.count) {
			if err != nil {
				return &dcb.Error{Kind: dcb.ErrCorruption, Detail: "reading events", Cause: err}
			}
			if !visit(record.Event) {
				return nil
			}
		}
		if next.end {
			return nil
		}
		first = next.position
	}
	return nil
}
