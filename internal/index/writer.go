package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/umadb-go/umadb/internal/vfs"
)

// writePages is the number of pages that are written at a time.
const writePages = 64

// pageWriter writes bytes into consecutive pages.
type pageWriter struct {
	file     vfs.File
	seed     uint32
	page     int64  // of the first in buffer
	buffer   []byte // whole pages, except for the last
	free     int    // payload bytes left in the last page of buffer
	throttle func(bytes int) error
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
	if err := w.throttle(len(w.buffer)); err != nil {
		return err
	}
	_, err := w.file.WriteAt(w.buffer, w.page*pageBytes)
	w.page += int64(len(w.buffer) / pageBytes)
	w.buffer = w.buffer[:0]
	return err
}

// writer writes a block: locations in the order of their positions, and terms in their
// order. It buffers only a few pages, however large the block.
type writer struct {
	builder *Builder
	file    vfs.File
	header  header

	directory, locations, terms pageWriter

	current directoryPage
	number  int    // of current, among the directory pages
	bucket  int    // the first whose end is not written yet
	base    uint64 // offset in the terms of the first bucket of current
	entry   []byte
}

// newWriter creates the file of a block with at most maxTerms terms. throttle is called
// before each write.
func newWriter(b *Builder, span Span, level uint32, maxTerms int, throttle func(int) error) (*writer, error) {
	if span.Events > math.MaxUint32 {
		return nil, fmt.Errorf("an index block cannot cover %d events", span.Events)
	}
	file, err := b.Dir.Create(b.Temp)
	if err != nil {
		return nil, err
	}
	h := header{Span: span, level: level, store: b.Store}
	h.directoryPages = uint32(max(1, (maxTerms+directoryTerms-1)/directoryTerms))
	h.locationPages = uint32(pagesFor(span.Events * locationBytes))
	w := &writer{builder: b, file: file, header: h, current: make(directoryPage, pagePayload)}
	page := int64(1)
	for _, part := range []struct {
		w     *pageWriter
		pages int64
	}{{&w.directory, int64(h.directoryPages)}, {&w.locations, int64(h.locationPages)}, {&w.terms, 0}} {
		*part.w = pageWriter{file: file, seed: h.pageSeed(), page: page, throttle: throttle}
		page += part.pages
	}
	return w, nil
}

func (w *writer) addLocation(l Location) error {
	var b [locationBytes]byte
	l.encode(b[:])
	return w.locations.Write(b[:])
}

func (w *writer) addTerm(term Term, count int, data []byte) error {
	page, bucket := bucketOf(term.hash, w.header.directoryPages)
	for w.number < page {
		if err := w.endDirectoryPage(); err != nil {
			return err
		}
	}
	if err := w.endBuckets(bucket); err != nil {
		return err
	}
	w.current.add(term.hash)
	e := binary.LittleEndian.AppendUint64(w.entry[:0], term.hash)
	e = binary.AppendUvarint(e, uint64(len(term.Text)))
	e = append(append(e, byte(term.Kind)), term.Text...)
	e = binary.AppendUvarint(e, uint64(count))
	e = binary.AppendUvarint(e, uint64(len(data)))
	w.entry = e
	w.header.terms++
	w.header.termBytes += uint64(len(e) + len(data))
	if err := w.terms.Write(e); err != nil {
		return err
	}
	return w.terms.Write(data)
}

// endBuckets writes the ends of all buckets before the given one.
func (w *writer) endBuckets(bucket int) error {
	size := w.header.termBytes - w.base
	if size > math.MaxUint32 {
		return errors.New("an index block has too many bytes of terms in one directory page")
	}
	for ; w.bucket < bucket; w.bucket++ {
		binary.LittleEndian.PutUint32(w.current[8+4*w.bucket:], uint32(size))
	}
	return nil
}

func (w *writer) endDirectoryPage() error {
	if err := w.endBuckets(directoryBuckets); err != nil {
		return err
	}
	if err := w.directory.Write(w.current); err != nil {
		return err
	}
	clear(w.current)
	w.number++
	w.bucket, w.base = 0, w.header.termBytes
	binary.LittleEndian.PutUint64(w.current, w.base)
	return nil
}

// finish completes the file, syncs it, and renames it to its final name.
func (w *writer) finish() error {
	for w.number < int(w.header.directoryPages) {
		if err := w.endDirectoryPage(); err != nil {
			return err
		}
	}
	for _, part := range []*pageWriter{&w.directory, &w.locations, &w.terms} {
		if err := part.flush(); err != nil {
			return err
		}
	}
	if _, err := w.file.WriteAt(w.header.encode(), 0); err != nil {
		return err
	}
	return vfs.Publish(w.builder.Dir, w.file, w.builder.Temp, w.header.FileName())
}

// abandon removes the file of a block that could not be written, and returns err.
func (w *writer) abandon(err error) error {
	w.file.Close()
	w.builder.Dir.Remove(w.builder.Temp) // if this fails, opening the store removes it
	return err
}
