package index

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sync"

	"github.com/umadb-go/umadb/internal/vfs"
)

// A page:
//
//	   0 4092  payload
//	4092    4  checksum
const (
	pageBytes   = 4096
	pagePayload = pageBytes - 4
)

func pagesFor(n uint64) int64 { return int64((n + pagePayload - 1) / pagePayload) }

// pageSeed returns the seed of the page checksums. With it and the page number, a page
// in the wrong place or of another block has a wrong checksum.
func (h *header) pageSeed() uint32 {
	var b [32]byte
	copy(b[:], h.store[:])
	binary.LittleEndian.PutUint64(b[16:], h.FirstGroup)
	binary.LittleEndian.PutUint64(b[24:], h.LastGroup)
	return crc32.Checksum(b[:], vfs.CRC)
}

func pageChecksum(seed uint32, page int64, payload []byte) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(page))
	return crc32.Update(crc32.Update(seed, vfs.CRC, b[:]), vfs.CRC, payload)
}

// scratch is memory for a page that is not put into the cache.
type scratch struct {
	page [pageBytes]byte
	full bool // a page was read and the cache is full
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// newScratch returns a scratch, which must be freed.
func newScratch() *scratch {
	s := scratches.Get().(*scratch)
	s.full = false
	return s
}

func (s *scratch) free() { scratches.Put(s) }

// page returns the payload of a page from the cache, or reads and verifies it. If the page is
// not worth caching, it is read into s, and the payload is valid until s is used again.
func (b *Block) page(number int64, s *scratch) ([]byte, error) {
	if page, ok := b.cachedPage(number); ok {
		return page, nil
	}
	key := CacheKey{b.owner, uint64(number)}
	worth, full := b.cache.admit(key, pageBytes)
	s.full = s.full || full
	if !worth {
		return s.page[:pagePayload], b.readPages(s.page[:], number)
	}
	page := make([]byte, pageBytes)
	if err := b.readPages(page, number); err != nil {
		return nil, err
	}
	b.cache.Put(key, page[:pagePayload])
	return page[:pagePayload], nil
}

// pageOfScan is page, but never puts the page into the cache.
func (b *Block) pageOfScan(number int64, s *scratch) ([]byte, error) {
	if page, ok := b.cachedPage(number); ok {
		return page, nil
	}
	return s.page[:pagePayload], b.readPages(s.page[:], number)
}

// cachedPage returns the payload of a page if it is in the cache.
func (b *Block) cachedPage(number int64) ([]byte, bool) {
	return b.cache.Get(CacheKey{b.owner, uint64(number)})
}

// readPages reads and verifies whole pages. It bypasses the cache.
func (b *Block) readPages(dst []byte, number int64) error {
	if n, err := b.file.ReadAt(dst, number*pageBytes); n < len(dst) {
		if err == nil || errors.Is(err, io.EOF) {
			return b.corruption(0, "the file is truncated at page %d", number)
		}
		return err
	}
	for ; len(dst) > 0; dst = dst[pageBytes:] {
		if binary.LittleEndian.Uint32(dst[pagePayload:]) != pageChecksum(b.seed, number, dst[:pagePayload]) {
			return &vfs.CorruptionError{File: b.Name, Offset: number * pageBytes, What: "checksum mismatch in a page"}
		}
		number++
	}
	return nil
}

// writePages is the number of pages that are written at a time.
const writePages = 64

// pageWriter writes bytes into consecutive pages.
type pageWriter struct {
	file    vfs.File
	seed    uint32
	page    int64                 // of the first in buffer
	buffer  []byte                // whole pages, except for the last
	free    int                   // payload bytes left in the last page of buffer
	written func(bytes int) error // called after each write
}

// Write appends bytes to the pages.
func (w *pageWriter) Write(p []byte) error {
	for len(p) > 0 {
		if w.free == 0 {
			if err := w.nextPage(); err != nil {
				return err
			}
		}
		n := min(w.free, len(p))
		w.buffer = append(w.buffer, p[:n]...)
		w.free -= n
		p = p[n:]
	}
	return nil
}

func (w *pageWriter) nextPage() error {
	w.endPage()
	if len(w.buffer) >= writePages*pageBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.free = pagePayload
	return nil
}

// endPage pads the last page with zeros and adds its checksum.
func (w *pageWriter) endPage() {
	if len(w.buffer)%pageBytes == 0 {
		return
	}
	w.buffer = append(w.buffer, make([]byte, w.free)...)
	w.free = 0
	payload := w.buffer[len(w.buffer)-pagePayload:]
	number := w.page + int64(len(w.buffer)/pageBytes)
	w.buffer = binary.LittleEndian.AppendUint32(w.buffer, pageChecksum(w.seed, number, payload))
}

func (w *pageWriter) flush() error {
	w.endPage()
	n, err := w.file.WriteAt(w.buffer, w.page*pageBytes)
	if err != nil {
		return err
	}
	w.page += int64(n / pageBytes)
	w.buffer = w.buffer[:0]
	return w.written(n)
}
