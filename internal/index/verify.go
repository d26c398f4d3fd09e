package index

import "github.com/umadb-go/umadb/internal/vfs"

// PageBytes is the size of a page of a block file.
const PageBytes = pageBytes

// Verify reads a number of pages, the first of which has the given number, and verifies
// their checksums. It bypasses all caches. It returns the number of the next page, and
// reports whether there is one. Corruption is a *vfs.CorruptionError.
func (b *Block) Verify(page, n int64) (next int64, more bool, err error) {
	next = min(page+n, b.pages())
	b.file.DropCache(page*pageBytes, (next-page)*pageBytes)
	defer b.file.DropCache(page*pageBytes, (next-page)*pageBytes)
	if page == 0 {
		if err := b.verifyHeader(); err != nil {
			return 0, false, err
		}
		page++
	}
	window := make([]byte, min(readPages, max(next-page, 1))*pageBytes)
	for page < next {
		n := min(readPages, next-page)
		if err := b.readPages(window[:n*pageBytes], page); err != nil {
			return 0, false, err
		}
		page += n
	}
	return next, next < b.pages(), nil
}

// verifyHeader reads the header again, and compares it with the one that is in use.
func (b *Block) verifyHeader() error {
	page := make([]byte, pageBytes)
	if n, err := b.file.ReadAt(page, 0); n < len(page) && err != nil {
		return err
	}
	if h, err := decodeHeader(page); err != nil || h != b.header {
		return &vfs.CorruptionError{File: b.Name, What: "the header has changed"}
	}
	return nil
}
