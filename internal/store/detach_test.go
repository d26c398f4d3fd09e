package store

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A shared log starts with a store that exists, and a replica of it becomes a store again.
func TestSharedLogStartsWithAStoreAndIsDetached(t *testing.T) {
	disk := vfs.NewMem()
	s, err := Open("/store", &Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "before")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	id, end, err := SharedOrigin("/store", &Options{FS: disk})
	if err != nil || end.Index != 2 {
		t.Fatalf("the end is %+v, %v", end, err)
	}
	e := fakelog.New(fakelog.Options{})
	if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: id, Point: end}); err != nil {
		t.Fatal(err)
	}
	copied := disk.Kill() // the directory of another node
	a, b := openShared(t, e, disk, Shared{}), openShared(t, e, copied, Shared{})
	for n := range uint64(10) {
		if position := mustAppend(t, a, "shared"); position != n+2 {
			t.Fatalf("append %d has position %d", n, position)
		}
	}
	if head, err := b.Head(t.Context()); head != 11 || err != nil {
		t.Fatalf("the other store has the head %d, %v", head, err)
	}
	for what, disk := range map[string]*vfs.Mem{"closed": disk, "killed": copied.Kill(), "without power": copied.Crash(rand.New(rand.NewPCG(1, 1)))} {
		if what == "closed" {
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Open("/store", &Options{FS: disk}); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: opening a replica: %v", what, err)
		}
		d, err := Detach("/store", &Options{FS: disk})
		if err != nil || d.Log != (sharedlog.ID{1}) || d.Head < 1 || what != "without power" && d.Head != 11 {
			t.Errorf("%s: detached %+v, %v", what, d, err)
			continue
		}
		own, err := Open("/store", &Options{FS: disk})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if position := mustAppend(t, own, "own"); position != d.Head+1 {
			t.Errorf("%s: an append has position %d", what, position)
		}
		if err := own.Close(); err != nil {
			t.Error(err)
		}
		if _, err := Detach("/store", &Options{FS: disk}); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: detaching again: %v", what, err)
		}
	}
}
