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
	// Temp names the file of a block that is being written. Builders at work at
	// the same time need different ones.
	Temp string
	// Throttle is asked before each write of some bytes; an error from it ends
	// the writing. nil for none.
	Throttle func(bytes int) error
}

func (b *Builder) begin(span Span, level uint32, maxTerms int) (*writer, error) {
	throttle := b.Throttle
	if throttle == nil {
		throttle = func(int) error { return nil }
	}
	return newWriter(b, span, level, maxTerms, throttle)
}

// end finishes a block if all went well, and opens it.
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

// Flush writes a memory block that nothing is added to any more. The span's
// groups and place are given; its positions are the memory block's.
func (b *Builder) Flush(m *HeadBlock, span Span) (*Block, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	span.First, span.Events = m.first, uint64(len(m.locations))
	w, err := b.begin(span, 0, len(m.entries)+len(m.sources))
	if err != nil {
		return nil, err
	}
	return b.end(w, m.writeTo(w))
}

func (m *HeadBlock) writeTo(w *writer) error {
	for _, location := range m.locations {
		if err := w.addLocation(location); err != nil {
			return err
		}
	}
	var data []byte
	for _, t := range m.sortedTerms() {
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

// sortable is a term of a memory block: an entry, or a source with its position.
// It is small, for there are many to sort.
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

// sortedTerms gives the terms in their order.
func (m *HeadBlock) sortedTerms() []sortable {
	terms := make([]sortable, 0, len(m.entries)+len(m.sources))
	for i := range m.entries {
		terms = append(terms, sortable{hash: m.entries[i].hash, entry: &m.entries[i]})
	}
	for name, position := range m.sources {
		term := m.hasher.Source(name)
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
