package store

import "github.com/umadb-go/umadb/internal/vfs"

// memoryCacheBytes is the size of the cache of a store in memory. It only saves the
// verification of index pages.
const memoryCacheBytes = 1 << 20

// OpenMemory opens an empty store in memory. Its events are lost when it is closed.
func OpenMemory() *Store {
	s, err := Open("/memory", &Options{FS: vfs.NewVolatileMem(), CacheBytes: memoryCacheBytes})
	if err != nil {
		panic("umadb: cannot open a store in memory: " + err.Error())
	}
	return s
}
