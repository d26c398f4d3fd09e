package umadb

import (
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// OpenMemory returns an empty event store in memory, for tests and experiments. Its events
// are lost when the process ends.
func OpenMemory() dcb.EventStore {
	s, err := store.Open("/memory", &store.Options{FS: vfs.NewMem()})
	if err != nil {
		panic("umadb: cannot open a store in memory: " + err.Error())
	}
	return s
}
