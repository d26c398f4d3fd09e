package index

import (
	"cmp"
	"encoding/binary"
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
	// Throttle is called before each write; an error from it ends the writing. It may
	// be nil.
	Throttle func(bytes int) error
}

// begin returns a writer for a block with at most maxTerms terms.
func (b *Builder) begin(span Span, level uint32, maxTerms int) (*writer, error) {
	throttle := b.Throttle
	if throttle == nil {
		throttle = func(int) error { return nil }
	}
	return newWriter(b, span, level, maxTerms, throttle)
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

// Flush writes a head block that is complete: nothing may be added to it any longer.
// Flush sets the positions of span from the head block; the caller sets the rest.
func (b *Builder) Flush(h *HeadBlock, span Span) (*Block, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	span.First, span.Events = h.first, uint64(len(h.locations))
	w, err := b.begin(span, 0, len(h.entries)+len(h.sources))
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
