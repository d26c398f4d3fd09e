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
	// batchBytes is about where a message is cut.
	batchBytes = 256 << 10
	// gapBytes is how far two records may lie apart and still be read in one go.
	// It covers the header of a group.
	gapBytes = 512
	// cachedRecord is the size up to which a record is worth caching: reading a
	// larger one costs little beside sending it.
	cachedRecord = 4 << 10
)

// fetcher gathers positions and reads their records, in the order of the walk.
type fetcher struct {
	store     *Store
	direction index.Direction
	most      batchBound
	bytes     int // of the records gathered
	need      int // bytes of the first record, if it has more than the bound
	records   []wanted
	locations []index.Location
}

// wanted is a record to be read, or one that the cache has.
type wanted struct {
	index.Location
	position uint64
	cached   []byte
	lone     bool // no neighbour in the log is wanted: worth caching
}

// gather locates positions of one part, in the order of a walk. It stops before one that
// is too much, and returns how many were taken.
func (f *fetcher) gather(p part, positions []uint64) (int, error) {
	for i := 0; i < len(positions); {
		n := f.adjacent(positions[i:])
		if n == 1 {
			if record, ok := f.store.cache.Get(f.store.recordKey(positions[i])); ok {
				if !f.take(wanted{position: positions[i], cached: record}, len(record)) {
					return i, nil
				}
				i++
				continue
			}
		}
		low := min(positions[i], positions[i+n-1])
		var err error
		f.locations, err = p.Locations(f.locations[:0], low, n)
		if err != nil {
			return i, err
		}
		for j := range n {
			at := j
			if f.direction == index.Backwards {
				at = n - 1 - j
			}
			w := wanted{Location: f.locations[at], position: positions[i+j], lone: n == 1}
			if !f.take(w, int(w.Size)) {
				return i + j, nil
			}
		}
		i += n
	}
	return len(positions), nil
}

// take adds a record, unless it would be too much.
func (f *fetcher) take(w wanted, size int) bool {
	first := len(f.records) == 0
	if first && size > f.most.bytes {
		f.need = size
		return false
	}
	if !first && f.bytes+size > min(f.most.bytes, batchBytes) {
		return false
	}
	f.bytes += size
	f.records = append(f.records, w)
	return true
}

// recordKey names a record in the cache.
func (s *Store) recordKey(position uint64) index.CacheKey {
	return index.CacheKey{Owner: s.records, Number: position}
}

// adjacent gives how many of the positions follow one another directly.
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

// read appends the records gathered to dst, each verified.
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
		dst, err = readRun(dst, segment, rest[:n], low, high)
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

// near gives how many of the records lie near one another in a segment, and the
// bytes they span.
func (f *fetcher) near(segment *eventlog.Segment, records []wanted) (n int, low, high int64) {
	low, high = records[0].Offset, records[0].Offset+int64(records[0].Size)
	for n = 1; n < len(records); n++ {
		r := records[n]
		end := r.Offset + int64(r.Size)
		ahead := r.Offset >= high && r.Offset <= high+gapBytes
		behind := end <= low && end >= low-gapBytes
		if r.cached != nil || !ahead && !behind || f.store.log.SegmentOf(r.position) != segment || max(high, end)-min(low, r.Offset) > 2*batchBytes {
			break
		}
		low, high = min(low, r.Offset), max(high, end)
	}
	return n, low, high
}

var spans = sync.Pool{New: func() any { return new([]byte) }}

// readRun reads the bytes from low to high, and appends the records within.
func readRun(dst []byte, segment *eventlog.Segment, records []wanted, low, high int64) ([]byte, error) {
	last := records[len(records)-1]
	if records[0].Offset == low && last.Offset+int64(last.Size) == high && total(records) == high-low {
		return readInPlace(dst, segment, records, low, high)
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

// readInPlace reads records that lie without gaps and in order straight to dst.
func readInPlace(dst []byte, segment *eventlog.Segment, records []wanted, low, high int64) ([]byte, error) {
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

// grow extends b by n bytes, whatever they hold.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, len(b)+n), b...)
	}
	return b[:len(b)+n]
}

func verify(segment *eventlog.Segment, r wanted, record []byte) error {
	if eventlog.Checksum(record) != r.CRC {
		return &vfs.CorruptionError{File: segment.Name, Offset: r.Offset, What: fmt.Sprintf("the event at position %d does not bear its checksum", r.position)}
	}
	if position, ok := encoding.RecordPosition(record); !ok || position != r.position {
		return &vfs.CorruptionError{File: segment.Name, Offset: r.Offset, What: fmt.Sprintf("the record is not that of position %d, which the index has here", r.position)}
	}
	return nil
}

// eachEvent visits the events from first to last until visit returns false.
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
