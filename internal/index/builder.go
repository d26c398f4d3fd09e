package index

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Builder writes blocks into a directory.
type Builder struct {
	Dir   vfs.Dir
	Store [16]byte
	Cache *Cache
	// Temp is the name of a block's file while it is written. Builders that run
	// concurrently need different names.
	Temp string
	// Throttle is called after each write; an error from it ends the writing. It may be
	// nil.
	Throttle func(bytes int) error
}

// syncBytes is the number of bytes after which a file is synced while it is written. A sync
// of a large file at once would delay those of the log.
const syncBytes = 1 << 20

// writer writes a block: locations and times in the order of their positions, and terms in
// their order. It buffers only a few pages, however large the block.
type writer struct {
	builder   *Builder
	file      vfs.File
	header    header
	directory directoryWriter
	locations pageWriter
	times     pageWriter
	terms     pageWriter
	entry     []byte
	unsynced  int // bytes written since the last sync
}

// begin creates the file of a block with a number of rows of times and at most maxTerms terms.
func (b *Builder) begin(span Span, level uint32, times, maxTerms int) (*writer, error) {
	if span.Events > math.MaxUint32 {
		return nil, fmt.Errorf("an index block cannot cover %d events", span.Events)
	}
	file, err := b.Dir.Create(b.Temp)
	if err != nil {
		return nil, err
	}
	h := header{Span: span, version: formatVersion, level: level, store: b.Store, timeRows: uint32(times)}
	h.directoryPages = directoryPagesFor(maxTerms)
	h.locationPages = uint32(pagesFor(span.Events * locationBytes))
	w := &writer{builder: b, file: file, header: h}
	pages := pageWriter{file: file, seed: h.pageSeed(), page: 1, written: w.written}
	w.directory = directoryWriter{pageWriter: pages, pages: h.directoryPages, current: make(directoryPage, pagePayload)}
	pages.page += int64(h.directoryPages)
	w.locations = pages
	pages.page += int64(h.locationPages)
	w.times = pages
	pages.page += h.timePages()
	w.terms = pages
	return w, nil
}

// written is called after each write with the number of bytes.
func (w *writer) written(bytes int) error {
	if w.unsynced += bytes; w.unsynced >= syncBytes {
		w.unsynced = 0
		if err := w.file.Sync(); err != nil {
			return err
		}
	}
	if throttle := w.builder.Throttle; throttle != nil {
		return throttle(bytes)
	}
	return nil
}

func (w *writer) addLocation(l Location) error {
	var b [locationBytes]byte
	l.encode(b[:])
	return w.locations.Write(b[:])
}

func (w *writer) addTime(t groupTime) error {
	var b [timeBytes]byte
	t.encode(b[:])
	return w.times.Write(b[:])
}

func (w *writer) addTerm(term Term, count int, data []byte) error {
	w.entry = append(appendEntry(w.entry[:0], term, count, len(data)), data...)
	return w.addEntry(term.hash, w.entry)
}

// addEntry adds the complete entry of a term.
func (w *writer) addEntry(hash uint64, entry []byte) error {
	if err := w.beginEntry(hash, len(entry)); err != nil {
		return err
	}
	return w.terms.Write(entry)
}

// beginEntry adds a term with an entry of the given size, which the caller must write to
// w.terms.
func (w *writer) beginEntry(hash uint64, size int) error {
	if err := w.directory.add(hash, w.header.termBytes); err != nil {
		return err
	}
	w.header.terms++
	w.header.termBytes += uint64(size)
	return nil
}

// end finishes a block and opens it. If err is not nil, it removes the block's file and
// returns err.
func (b *Builder) end(w *writer, err error) (*Block, error) {
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		return nil, w.abandon(err)
	}
	if err := w.file.Close(); err != nil {
		return nil, err
	}
	return OpenBlock(b.Dir, w.header.FileName(), b.Store, b.Cache)
}

// finish completes the file, syncs it, and renames it to its final name.
func (w *writer) finish() error {
	if err := w.directory.endPages(w.header.directoryPages, w.header.termBytes); err != nil {
		return err
	}
	for _, part := range []*pageWriter{&w.directory.pageWriter, &w.locations, &w.times, &w.terms} {
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

// Flush writes a head block that is complete: nothing may be added to it any longer.
// Flush sets the positions of span from the head block; the caller sets the rest.
func (b *Builder) Flush(h *HeadBlock, span Span) (*Block, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	span.First, span.Events = h.first, uint64(len(h.locations))
	w, err := b.begin(span, 0, len(h.times), len(h.entries)+len(h.sources))
	if err != nil {
		return nil, err
	}
	return b.end(w, h.writeTo(w))
}

func (h *HeadBlock) writeTo(w *writer) error {
	for _, location := range h.locations {
		if err := w.addLocation(location); err != nil {
			return err
		}
	}
	for _, time := range h.times {
		if err := w.addTime(time); err != nil {
			return err
		}
	}
	var data []byte
	for _, t := range h.sortedTerms() {
		count := 1
		switch e := t.entry; {
		case e == nil:
			data = binary.AppendUvarint(data[:0], t.source.position)
		case e.more == nil:
			data = binary.AppendUvarint(data[:0], uint64(e.one))
		default:
			count = len(e.more)
			data = appendList(data[:0], e.more)
		}
		if err := w.addTerm(t.term(), count, data); err != nil {
			return err
		}
	}
	return nil
}

// sortable is a term of a head block: an entry, or a source with its position. It is
// small because there are many to sort.
type sortable struct {
	hash   uint64
	entry  *entry
	source *source
}

// source is a tracking source with its last position.
type source struct {
	Term
	position uint64
}

func (s *sortable) term() Term {
	if s.entry != nil {
		return s.entry.Term
	}
	return s.source.Term
}

// sortedTerms returns the terms in their order.
func (h *HeadBlock) sortedTerms() []sortable {
	terms := make([]sortable, 0, len(h.entries)+len(h.sources))
	for i := range h.entries {
		terms = append(terms, sortable{hash: h.entries[i].hash, entry: &h.entries[i]})
	}
	for name, position := range h.sources {
		term := h.hasher.Source(name)
		terms = append(terms, sortable{hash: term.hash, source: &source{term, position}})
	}
	slices.SortFunc(terms, func(a, b sortable) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return compareTerms(a.term(), b.term())
	})
	return terms
}
