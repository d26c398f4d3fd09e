package store

import (
	"sync"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// cachedFS is a file system with a cache that contains all pages which were written and not
// dropped.
type cachedFS struct {
	vfs.FS
	mu     sync.Mutex
	reads  bool                // count the pages that are read from the cache
	cached map[*cachedFile]int // their number, by file
}

type cachedDir struct {
	vfs.Dir
	fs *cachedFS
}

type cachedFile struct {
	vfs.File
	fs      *cachedFS
	dropped map[int64]bool // pages
}

func (fs *cachedFS) OpenDir(path string) (vfs.Dir, error) {
	d, err := fs.FS.OpenDir(path)
	return &cachedDir{d, fs}, err
}

func (d *cachedDir) OpenDir(name string) (vfs.Dir, error) {
	inner, err := d.Dir.OpenDir(name)
	return &cachedDir{inner, d.fs}, err
}

func (d *cachedDir) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &cachedFile{f, d.fs, map[int64]bool{}}, nil
}

func (d *cachedDir) Create(name string) (vfs.File, error)    { return d.wrap(d.Dir.Create(name)) }
func (d *cachedDir) Open(name string) (vfs.File, error)      { return d.wrap(d.Dir.Open(name)) }
func (d *cachedDir) OpenWrite(name string) (vfs.File, error) { return d.wrap(d.Dir.OpenWrite(name)) }
func (d *cachedDir) CheckFile(name string, f vfs.File) error {
	return d.Dir.CheckFile(name, f.(*cachedFile).File)
}

func (f *cachedFile) DropCache(offset, size int64) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for page := offset / 4096; page < (offset+size)/4096; page++ {
		f.dropped[page] = true
	}
}

func (f *cachedFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for page := offset / 4096; f.fs.reads && page < (offset+int64(len(p)))/4096; page++ {
		if !f.dropped[page] {
			f.fs.cached[f]++
		}
	}
	return f.File.ReadAt(p, offset)
}

// Everything but the segment that is appended to is read from the disk.
func TestScrubReadsTheDisk(t *testing.T) {
	fs := &cachedFS{FS: vfs.NewMem(), cached: map[*cachedFile]int{}}
	s, err := Open("/store", &Options{FS: fs, SegmentBytes: 4 << 20, BlockEvents: 100, CacheBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	appendMany(t, s, 700) // 14 MB
	settle(t, s)
	segments := s.log.Segments()
	if len(segments) < 3 {
		t.Fatalf("%d segments", len(segments))
	}
	fs.mu.Lock()
	fs.reads = true
	fs.mu.Unlock()
	mustScrub(t, s)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.cached) > 1 {
		t.Errorf("%d files were read from the cache: %v", len(fs.cached), fs.cached)
	}
}
