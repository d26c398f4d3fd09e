package store

import (
	"context"
	"iter"
	"sync"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// A read is a pipeline. The index returns positions (matches) and then their locations in
// the log; records that are near one another become runs; each run is read at once, and its
// records are verified and appended to the message.

// locateAtATime is the number of positions located together.
const locateAtATime = 256

// batchBound bounds the events and the bytes of a batch.
type batchBound struct {
	events, bytes int
	times         bool // the message also has the time of each event, which counts
}

// batch is the content of one message of a read.
type batch struct {
	store     *Store
	direction index.Direction
	bound     batchBound

	bytes   int // of the records
	need    int // bytes of the first record, if it exceeds the bound
	records []wanted
	times   []int64 // of the records, if the bound has them
	end     bool    // the selection has no more events

	matches   matches
	positions []uint64 // buffers
	locations []index.Location
}

// wanted is a record to be read, or its bytes from the cache.
type wanted struct {
	index.Location
	position uint64
	cached   []byte
	lone     bool // no adjacent record is wanted, so the record is cached
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// free returns a batch to the pool with its buffers.
func (b *batch) free() {
	clear(b.records)
	*b = batch{records: b.records[:0], times: b.times[:0], locations: b.locations[:0], positions: b.positions[:0]}
	batches.Put(b)
}

// readBatch appends to dst the records of the first events of a selection, as many as the
// bound allows. More than one event have at most batchBytes bytes together. readBatch returns
// a record.MessageTooSmallError if the first record alone exceeds bound.bytes. The caller must free
// the batch.
func (s *Store) readBatch(ctx context.Context, sn snapshot, sel selection, bound batchBound, dst []byte) ([]byte, *batch, error) {
	b := batches.Get().(*batch)
	b.store, b.direction, b.bound = s, sel.direction, bound
	err := b.locate(ctx, sn, sel)
	if err == nil && b.need > 0 {
		return dst, b, &record.MessageTooSmallError{Need: b.need}
	}
	if err == nil {
		dst, err = b.read(dst)
	}
	return dst, b, storeError(err, "reading events")
}

// last returns the position of the last event, 0 if there is none.
func (b *batch) last() uint64 {
	if len(b.records) == 0 {
		return 0
	}
	return b.records[len(b.records)-1].position
}

// locate adds the records of a selection until the bound is reached.
func (b *batch) locate(ctx context.Context, sn snapshot, sel selection) error {
	m := &b.matches
	if err := m.start(caller{ctx: ctx, store: b.store}, sn, sel); err != nil {
		return err
	}
	for {
		n := min(locateAtATime, b.bound.events-len(b.records))
		if n == 0 {
			return nil
		}
		from, positions, err := m.next(b.positions[:0], n)
		if err != nil {
			return err
		}
		if len(positions) == 0 {
			b.end = true
			return nil
		}
		b.positions = positions
		added, err := b.add(from, positions)
		if err == nil && b.bound.times {
			b.times, err = from.Times(b.times, positions[:added])
		}
		if err != nil {
			b.store.markCorrupt(sn.blocks, err)
			return err
		}
		if added < len(positions) {
			return nil
		}
	}
}

// add locates positions of one block and adds their records. It stops before the first that
// exceeds the bound, and returns the number added.
func (b *batch) add(from block, positions []uint64) (int, error) {
	for i := 0; i < len(positions); {
		n := b.adjacent(positions[i:])
		if n == 1 {
			if record, ok := b.store.cache.Get(b.store.recordKey(positions[i])); ok {
				if !b.addRecord(wanted{position: positions[i], cached: record}, len(record)) {
					return i, nil
				}
				i++
				continue
			}
		}
		low := min(positions[i], positions[i+n-1])
		var err error
		b.locations, err = from.Locations(b.locations[:0], low, n)
		if err != nil {
			return i, err
		}
		for j := range n {
			at := j
			if b.direction == index.Backwards {
				at = n - 1 - j
			}
			w := wanted{Location: b.locations[at], position: positions[i+j], lone: n == 1}
			if !b.addRecord(w, int(w.Size)) {
				return i + j, nil
			}
		}
		i += n
	}
	return len(positions), nil
}

// addRecord adds a record and reports whether it fits in the bound.
func (b *batch) addRecord(w wanted, size int) bool {
	if b.bound.times {
		size += record.TimeBytes
	}
	first := len(b.records) == 0
	if first && size > b.bound.bytes {
		b.need = size
		return false
	}
	if !first && b.bytes+size > min(b.bound.bytes, batchBytes) {
		return false
	}
	b.bytes += size
	b.records = append(b.records, w)
	return true
}

// adjacent returns the number of leading positions that follow one another directly.
func (b *batch) adjacent(positions []uint64) int {
	step := uint64(1)
	if b.direction == index.Backwards {
		step = ^uint64(0)
	}
	n := 1
	for n < len(positions) && positions[n] == positions[n-1]+step {
		n++
	}
	return n
}

// runs iterates over the records in their order, those together that can be read at once.
func (b *batch) runs() iter.Seq[run] {
	return func(yield func(run) bool) {
		for rest := b.records; len(rest) > 0; {
			r := b.run(rest)
			rest = rest[len(r.records):]
			if !yield(r) {
				return
			}
		}
	}
}

// read appends the verified records to dst.
func (b *batch) read(dst []byte) ([]byte, error) {
	for r := range b.runs() {
		start := len(dst)
		var err error
		if dst, err = r.read(dst); err != nil {
			return dst, err
		}
		if key := b.store.recordKey(r.records[0].position); r.worthCaching() && b.store.cache.Admit(key, len(dst)-start) {
			b.store.cache.Put(key, append([]byte(nil), dst[start:]...))
		}
	}
	return dst, nil
}

// recordKey returns the cache key of a record.
func (s *Store) recordKey(position uint64) index.CacheKey {
	return index.CacheKey{Owner: s.records, Number: position}
}
