package vfs_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// newObserved returns a disk in memory that calls before for each operation.
func newObserved(t *testing.T, before func(vfs.Op) error) disk {
	observe := func(vfs.Op) error { return nil } // while newDisk creates the directory
	d := newDisk(t, vfs.Observe(vfs.NewMem(), func(op vfs.Op) error { return observe(op) }), "dir")
	observe = before
	return d
}

// everyOperation calls each operation once, in the order of observedOps, until one
// fails.
func everyOperation(d disk) error {
	if err := d.fs.MkdirAll("dir/sub"); err != nil {
		return err
	}
	if _, err := d.fs.OpenDir("dir"); err != nil {
		return err
	}
	if err := d.Mkdir("x"); err != nil {
		return err
	}
	if _, err := d.OpenDir("x"); err != nil {
		return err
	}
	if err := d.CheckPath(); err != nil {
		return err
	}
	if _, err := d.LockDir(); err != nil {
		return err
	}
	lock, err := d.Lock("LOCK")
	if err != nil {
		return err
	}
	f, err := d.Create("a")
	if err != nil {
		return err
	}
	if err := d.CheckFile("a", f); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte("text"), 3); err != nil {
		return err
	}
	if err := f.Allocate(5, 7); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Truncate(6); err != nil {
		return err
	}
	if err := d.Rename("a", "b"); err != nil {
		return err
	}
	if _, err := d.OpenWrite("b"); err != nil {
		return err
	}
	if f, err = d.Open("b"); err != nil {
		return err
	}
	if _, err := f.ReadAt(make([]byte, 2), 1); err != nil {
		return err
	}
	if _, err := d.List(); err != nil {
		return err
	}
	if err := d.Remove("b"); err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return err
	}
	return lock.Close()
}

var observedOps = []vfs.Op{
	{Kind: "mkdirall", Name: "dir/sub"},
	{Kind: "opendir", Name: "dir"},
	{Kind: "mkdir", Name: "dir/x"},
	{Kind: "opendir", Name: "dir/x"},
	{Kind: "checkpath", Name: "dir"},
	{Kind: "lockdir", Name: "dir"},
	{Kind: "lock", Name: "dir/LOCK"},
	{Kind: "create", Name: "dir/a"},
	{Kind: "checkpath", Name: "dir/a"},
	{Kind: "write", Name: "dir/a", Offset: 3, Size: 4},
	{Kind: "allocate", Name: "dir/a", Offset: 5, Size: 7},
	{Kind: "sync", Name: "dir/a"},
	{Kind: "truncate", Name: "dir/a", Size: 6},
	{Kind: "rename", Name: "dir/b"},
	{Kind: "openwrite", Name: "dir/b"},
	{Kind: "open", Name: "dir/b"},
	{Kind: "read", Name: "dir/b", Offset: 1, Size: 2},
	{Kind: "list", Name: "dir"},
	{Kind: "remove", Name: "dir/b"},
	{Kind: "syncdir", Name: "dir"},
}

func TestObserveReportsOperationsInOrder(t *testing.T) {
	var ops []vfs.Op
	d := newObserved(t, func(op vfs.Op) error { ops = append(ops, op); return nil })
	d.must(everyOperation(d))
	if !slices.Equal(ops, observedOps) {
		t.Errorf("observed\n%v, want\n%v", ops, observedOps)
	}
}

func TestObserveReturnsErrorOfCallback(t *testing.T) {
	for i, at := range observedOps {
		t.Run(at.Kind, func(t *testing.T) {
			refused := errors.New("refused")
			calls := 0
			d := newObserved(t, func(vfs.Op) error {
				if calls++; calls == i+1 {
					return refused
				}
				return nil
			})
			if err := everyOperation(d); !errors.Is(err, refused) {
				t.Errorf("the error is %v", err)
			}
			if calls != i+1 {
				t.Errorf("observed %d operations, want %d", calls, i+1)
			}
		})
	}
}

func TestRefusedOperationChangesNothing(t *testing.T) {
	refused := errors.New("refused")
	allow := true
	d := newObserved(t, func(vfs.Op) error {
		if allow {
			return nil
		}
		return refused
	})
	d.createFile("a", "text")
	d.must(d.Remove("a"))
	f := d.createFile("b", "text")
	allow = false
	_, write := f.WriteAt([]byte("x"), 0)
	_, create := d.Create("b")
	_, lock := d.Lock("LOCK")
	for i, err := range []error{write, create, lock, f.Truncate(1), f.Allocate(0, 9), d.Rename("b", "c"), d.Remove("b"), d.fs.MkdirAll("dir/sub"), d.Mkdir("sub")} {
		if !errors.Is(err, refused) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	allow = true
	d.checkEntries("b")
	d.checkContent("b", "text")
}

func TestCorruptionErrorNamesFileAndOffset(t *testing.T) {
	err := fmt.Errorf("reading: %w", &vfs.CorruptionError{File: "log/1", Offset: 42, What: "the group is corrupt"})
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) || corruption.File != "log/1" || corruption.Offset != 42 {
		t.Errorf("the error is %+v", corruption)
	}
	if want := "reading: log/1 at byte 42: the group is corrupt"; err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}
