package vfs_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// A file of a volatile file system has the same content as one that tracks what is
// durable, also across chunks.
func TestVolatileFilesHaveTheSameContent(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	var files [2]vfs.File
	for i, fsys := range []vfs.FS{vfs.NewMem(), vfs.NewVolatileMem()} {
		f, err := newDisk(t, fsys, "dir").Create("file")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	const most = 300 << 10 // several chunks
	for range 2000 {
		offset, size := chance.Int64N(most), chance.Int64N(most/4)
		written := bytes.Repeat([]byte{byte(chance.Uint32())}, int(size))
		change := chance.IntN(8)
		var read [2][]byte
		for i, f := range files {
			var err error
			switch change {
			case 0:
				err = f.Truncate(offset)
			case 1:
				err = f.Allocate(offset, size)
			case 2, 3:
				_, err = f.WriteAt(written, offset)
			default:
				read[i] = make([]byte, size)
				n, _ := f.ReadAt(read[i], offset)
				read[i] = read[i][:n]
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		first, _ := files[0].Size()
		if second, _ := files[1].Size(); first != second || !bytes.Equal(read[0], read[1]) {
			t.Fatalf("after change %d at %d: %d bytes and %d bytes, read %d and %d", change, offset, first, second, len(read[0]), len(read[1]))
		}
	}
}
