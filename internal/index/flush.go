package index

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Builder writes blocks into a directory.
type Builder struct {
	FS    vfs.FS
	Dir   string
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
	return OpenBlock(b.FS, b.Dir, w.header.FileName(), b.Store, b.Cache)
}

// Flush writes a memory block that nothing is added to any more. The span's
// groups and place are given; its positions are the memory block's.
func (b *Builder) Flush(m *Memory, span Span) (*Block, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	span.First, span.Events = m.first, uint64(len(m.locations))
	w, err := b.begin(span, 0, len(m.entries)+len(m.sources))
	if err != nil {
		return nil, err
	}
	return b.end(w, m.writeTo(w))
}

func (m *Memory) writeTo(w *writer) error {
	for _, location := range m.locations {
		if err := w.addLocation(location); err != nil {
			return err
		}
	}
	var data []byte
	for _, t := range m.sortedTerms() {
		count := 1
		if t.Kind == kindSource {
			data = binary.AppendUvarint(data[:0], m.sources[t.Text])
		} else {
			positions := m.entries[t.entry].positions()
			count = len(positions)
			data = appendList(data[:0], positions)
		}
		if err := w.addTerm(t.Term, count, data); err != nil {
			return err
		}
	}
	return nil
}

// sortable is a term of a memory block with its entry, if it is no source.
type sortable struct {
	Term
	entry int
}

func (m *Memory) sortedTerms() []sortable {
	terms := make([]sortable, 0, len(m.entries)+len(m.sources))
	for i := range m.entries {
		terms = append(terms, sortable{m.entries[i].Term, i})
	}
	for source := range m.sources {
		terms = append(terms, sortable{m.hasher.Source(source), -1})
	}
	slices.SortFunc(terms, func(a, b sortable) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return compareTerms(a.Term, b.Term)
	})
	return terms
}
