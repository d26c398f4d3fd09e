package index

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Block is an immutable block in a file. It is safe for concurrent use.
type Block struct {
	header
	Name    string // the path
	Bytes   int64
	owner   uint64 // of its pages in the cache
	results uint64 // owner of the results of lookups in the cache
	seed    uint32
	file    vfs.File
	cache   *Cache
}

// OpenBlock opens a block and verifies its header and length. Corruption is a
// *vfs.CorruptionError, and an older format an *OutdatedError.
func OpenBlock(dir vfs.Dir, name string, store [16]byte, cache *Cache) (*Block, error) {
	path := filepath.Join(dir.Path(), name)
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	b := &Block{Name: path, file: f, cache: cache, owner: NewOwner(), results: NewOwner()}
	if err := b.readHeader(name, store); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return b, nil
}

func (b *Block) readHeader(name string, store [16]byte) error {
	page := make([]byte, pageBytes)
	n, err := b.file.ReadAt(page, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	size, err := b.file.Size()
	if err != nil {
		return err
	}
	h, err := decodeHeader(page[:n])
	switch {
	case errors.Is(err, vfs.ErrVersion):
		return fmt.Errorf("%s: %w", b.Name, err)
	case err != nil:
	case h.store != store:
		err = errors.New("it belongs to another store")
	case h.FileName() != name:
		err = fmt.Errorf("the header is that of %s", h.FileName())
	case size != h.pages()*pageBytes:
		err = fmt.Errorf("the file has %d bytes instead of %d", size, h.pages()*pageBytes)
	}
	if err != nil {
		return &vfs.CorruptionError{File: b.Name, What: err.Error()}
	}
	if h.version < formatVersion {
		return &OutdatedError{Span: h.Span, Name: b.Name, Bytes: size, Version: h.version}
	}
	b.header, b.Bytes, b.seed = h, size, h.pageSeed()
	return nil
}

// Close closes the file.
func (b *Block) Close() error { return b.file.Close() }

// Level returns 0 for a flushed block, and for a compacted one, one more than the
// highest level of the blocks that it replaces.
func (b *Block) Level() uint32 { return b.level }

// Terms returns the number of terms, including tracking sources.
func (b *Block) Terms() uint64 { return b.terms }

// corruption returns the error for corrupt terms at an offset.
func (b *Block) corruption(offset uint64, format string, args ...any) error {
	page := b.termPage() + int64(offset/pagePayload)
	return &vfs.CorruptionError{File: b.Name, Offset: page * pageBytes, What: fmt.Sprintf(format, args...)}
}

// termPage returns the number of the first page of the terms.
func (b *Block) termPage() int64 { return b.timePage() + b.timePages() }

// readTerms reads bytes of the terms.
func (b *Block) readTerms(dst []byte, offset uint64) error {
	if offset+uint64(len(dst)) > b.termBytes {
		return b.corruption(offset, "a term extends past the end")
	}
	s := newScratch()
	defer s.free()
	for len(dst) > 0 {
		page, err := b.page(b.termPage()+int64(offset/pagePayload), s)
		if err != nil {
			return err
		}
		n := copy(dst, page[offset%pagePayload:])
		dst, offset = dst[n:], offset+uint64(n)
	}
	return nil
}
