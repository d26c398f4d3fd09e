package index

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Constants that tests of the format need.
const (
	KindSource     = kindSource
	DirectoryTerms = directoryTerms
)

// TermWithHash returns a term with the given hash instead of the hash of its text.
func TermWithHash(hash uint64, kind Kind, text string) Term { return Term{hash, kind, text} }

// MayHave reports whether the filter of a block may contain a term.
func (b *Block) MayHave(term Term) (bool, error) {
	number, _ := bucketOf(term.hash, b.directoryPages)
	page, err := b.page(1+int64(number), new(scratch))
	return err == nil && directoryPage(page).mayHave(term.hash), err
}

// Usage returns the number of entries in the cache, and their total size.
func (c *Cache) Usage() (entries int, bytes int64) {
	for i := range c.sets {
		for j := range c.sets[i].ways {
			if entry := c.sets[i].ways[j].Load(); entry != nil {
				entries++
				bytes += entry.size()
			}
		}
	}
	return entries, bytes
}

// Tag returns the part of a key's hash that the cache compares first.
func (c *Cache) Tag(key CacheKey) uint32 {
	_, tag := c.find(key)
	return tag
}

// Bytes returns the total size that the cache has counted.
func (c *Cache) Bytes() int64 { return c.bytes.Load() }

// Source is a tracking source with a last position.
type Source struct {
	Term
	Position uint64
}

// FlushSources writes a block of sources. It uses the hashes in their terms.
func (b *Builder) FlushSources(span Span, sources []Source) (*Block, error) {
	slices.SortFunc(sources, func(a, b Source) int { return compareTerms(a.Term, b.Term) })
	w, err := b.begin(span, 0, 0, len(sources))
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		err = errors.Join(err, w.addTerm(s.Term, 1, binary.AppendUvarint(nil, s.Position)))
	}
	return b.end(w, err)
}

// Mend corrects the checksums of all pages of a block.
func Mend(block []byte) {
	if len(block) < pageBytes {
		return
	}
	binary.LittleEndian.PutUint32(block[pagePayload:], crc32.Checksum(block[:pagePayload], vfs.CRC))
	var h header
	copy(h.store[:], block[16:])
	h.FirstGroup, h.LastGroup = binary.LittleEndian.Uint64(block[32:]), binary.LittleEndian.Uint64(block[40:])
	for number := 1; (number+1)*pageBytes <= len(block); number++ {
		page := block[number*pageBytes:][:pageBytes]
		binary.LittleEndian.PutUint32(page[pagePayload:], pageChecksum(h.pageSeed(), int64(number), page[:pagePayload]))
	}
}

// AppendList encodes positions.
var AppendList = appendList

// DecodeList appends the count positions of a list, each increased by base. It returns false
// if the list is malformed.
func DecodeList(dst []uint32, data []byte, count int, base uint32) ([]uint32, bool) {
	mem := vfs.NewMem()
	mustNot(mem.MkdirAll("index"))
	dir, err := mem.OpenDir("index")
	mustNot(err)
	file, err := dir.Create("list")
	mustNot(err)
	pages := pageWriter{file: file, page: 1, written: func(int) error { return nil }}
	mustNot(errors.Join(pages.Write(data), pages.flush()))
	block := &Block{header: header{termBytes: uint64(len(data))}, file: file}
	terms := &Terms{Count: count, size: uint64(len(data)), entry: data}
	terms.window.reset(block, 0, block.termBytes)
	dst, err = terms.Positions(dst, base)
	return dst, err == nil
}

func mustNot(err error) {
	if err != nil {
		panic(err)
	}
}

// Positions appends the positions of the current term, which are relative to the block's
// first, each increased by base.
func (t *Terms) Positions(dst []uint32, base uint32) ([]uint32, error) {
	err := new(listReader).each(t, base, func(positions []uint32) error {
		dst = append(dst, positions...)
		return nil
	})
	return dst, err
}
