package vfs_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// For the race detector.
func TestMemIsSafeForConcurrentUse(t *testing.T) {
	mem := vfs.NewMem()
	d := newDisk(t, mem, "dir")
	shared := d.createFile("shared", "")
	var users sync.WaitGroup
	for user := range 4 {
		users.Go(func() {
			for i := range 50 {
				name := fmt.Sprintf("%d-%d", user, i)
				f, err := d.Create(name)
				if err != nil {
					t.Error(err)
					return
				}
				_, write := shared.WriteAt([]byte{byte(i)}, int64(user))
				_, read := shared.ReadAt(make([]byte, 1), int64(user))
				mem.Crash(rand.New(rand.NewPCG(1, 2)))
				for _, err := range []error{write, read, f.Truncate(9), f.Sync(), d.Rename(name, name+"x"), d.Sync(), f.Close()} {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	users.Wait()
	if n := len(mem.Files()); n != 201 {
		t.Errorf("there are %d files", n)
	}
}
