package index

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// A directory page serves about 2,560 terms. It contains the end of each of 128 buckets,
// and a Bloom filter with 7 probes in the rest of the page.
const (
	directoryTerms   = 2560
	directoryBuckets = 128
	filterAt         = 8 + 4*directoryBuckets
	filterBits       = 8 * (pagePayload - filterAt)
	filterProbes     = 7
)

// directoryPage is the payload of a directory page, little-endian:
//
//	  0   8  offset in the terms of the page's first bucket
//	  8 512  for each bucket, its end, relative to that offset
//	520 3572 Bloom filter
type directoryPage []byte

func (p directoryPage) bucket(i int) (from, to uint64) {
	base := binary.LittleEndian.Uint64(p)
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(p[8+4*(i-1):])
	}
	return base + uint64(start), base + uint64(binary.LittleEndian.Uint32(p[8+4*i:]))
}

func (p directoryPage) mayHave(hash uint64) bool {
	return probes(hash, func(at int, mask byte) bool { return p[at]&mask != 0 })
}

func (p directoryPage) add(hash uint64) {
	probes(hash, func(at int, mask byte) bool { p[at] |= mask; return true })
}

// bucketOf returns the directory page of a hash and the bucket in that page. Both
// ascend with the hash.
func bucketOf(hash uint64, pages uint32) (page, bucket int) {
	hi, lo := bits.Mul64(hash, uint64(pages))
	b, _ := bits.Mul64(lo, directoryBuckets)
	return int(hi), int(b)
}

// probes calls f with the byte offset and the mask of each filter bit of a hash, until
// f returns false. It reports whether f always returned true.
func probes(hash uint64, f func(at int, mask byte) bool) bool {
	mixed := hash * 0x9E3779B97F4A7C15 // the high bits already selected the page
	a, b := uint32(mixed>>32), uint32(mixed)|1
	for range filterProbes {
		bit := uint64(a) * filterBits >> 32
		if !f(filterAt+int(bit/8), 1<<(bit%8)) {
			return false
		}
		a += b
	}
	return true
}

// directoryWriter writes the directory pages of terms that are added in their order.
type directoryWriter struct {
	pageWriter
	pages   uint32
	current directoryPage
	number  uint32 // of current, among the directory pages
	bucket  int    // the first whose end is not written yet
	base    uint64 // offset in the terms of the first bucket of current
}

// directoryPagesFor returns the number of directory pages for a number of terms.
func directoryPagesFor(terms int) uint32 {
	return uint32(max(1, (terms+directoryTerms-1)/directoryTerms))
}

// add adds the term that starts at an offset in the terms.
func (w *directoryWriter) add(hash, offset uint64) error {
	page, bucket := bucketOf(hash, w.pages)
	if err := w.endPages(uint32(page), offset); err != nil {
		return err
	}
	if err := w.endBuckets(bucket, offset); err != nil {
		return err
	}
	w.current.add(hash)
	return nil
}

// endPages writes all pages before the given one. Their last buckets end at an offset.
func (w *directoryWriter) endPages(page uint32, offset uint64) error {
	for ; w.number < page; w.number++ {
		if err := w.endBuckets(directoryBuckets, offset); err != nil {
			return err
		}
		if err := w.Write(w.current); err != nil {
			return err
		}
		clear(w.current)
		w.bucket, w.base = 0, offset
		binary.LittleEndian.PutUint64(w.current, offset)
	}
	return nil
}

// endBuckets writes the ends of all buckets before the given one.
func (w *directoryWriter) endBuckets(bucket int, offset uint64) error {
	size := offset - w.base
	if size > math.MaxUint32 {
		return errors.New("an index block has too many bytes of terms in one directory page")
	}
	for ; w.bucket < bucket; w.bucket++ {
		binary.LittleEndian.PutUint32(w.current[8+4*w.bucket:], uint32(size))
	}
	return nil
}
