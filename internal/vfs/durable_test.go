package vfs_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// failingDir is a directory in memory whose operations are recorded. Those of one kind fail.
type failingDir struct {
	vfs.Dir
	fails      string
	operations []string
}

var errFails = errors.New("the operation fails")

func newFailingDir(t *testing.T, fails string) *failingDir {
	t.Helper()
	d := &failingDir{fails: fails}
	mem := vfs.NewMem()
	if err := mem.MkdirAll("db"); err != nil {
		t.Fatal(err)
	}
	dir, err := vfs.Observe(mem, func(op vfs.Op) error {
		d.operations = append(d.operations, op.Kind)
		if op.Kind == d.fails {
			return errFails
		}
		return nil
	}).OpenDir("db")
	if err != nil {
		t.Fatal(err)
	}
	d.Dir, d.operations = dir, nil
	return d
}

func (d *failingDir) check(t *testing.T, err error, operations string) {
	t.Helper()
	if got := strings.Join(d.operations, " "); got != operations || (err != nil) != (d.fails != "") || err != nil && !errors.Is(err, errFails) {
		t.Errorf("if %q fails, the operations are %q and the error is %v; want %q", d.fails, got, err, operations)
	}
}

func TestWriteFileIsDurableOrLeavesNothing(t *testing.T) {
	for fails, operations := range map[string]string{
		"":        "create write sync rename syncdir",
		"create":  "create",
		"write":   "create write remove",
		"sync":    "create write sync remove",
		"rename":  "create write sync rename remove",
		"syncdir": "create write sync rename syncdir remove",
	} {
		d := newFailingDir(t, fails)
		err := vfs.WriteFile(d, "temporary", "name", []byte("content"))
		d.check(t, err, operations)
		names, err := d.List()
		if want := fails == "" || fails == "syncdir"; err != nil || slices.Contains(names, "name") != want || slices.Contains(names, "temporary") {
			t.Errorf("if %q fails, the directory contains %q, %v", fails, names, err)
		}
	}
}

func TestCreateFileReturnsErrorOfWrite(t *testing.T) {
	d := newFailingDir(t, "")
	cause := fmt.Errorf("no content")
	f, err := vfs.CreateFile(d, "temporary", "name", func(vfs.File) error { return cause })
	if names, listErr := d.List(); f != nil || !errors.Is(err, cause) || listErr != nil || len(names) > 0 {
		t.Errorf("the file is %v, the error %v; the directory contains %q, %v", f, err, names, listErr)
	}
}

// A sync after a failed change would make something else durable.
func TestDurableChangesStopAtFirstError(t *testing.T) {
	for fails, operations := range map[string]string{"": "remove syncdir", "remove": "remove", "syncdir": "remove syncdir"} {
		d := newFailingDir(t, fails)
		if f, err := d.Create("name"); err != nil {
			t.Fatal(err)
		} else if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		d.operations = nil
		d.check(t, vfs.RemoveFile(d, "name"), operations)
	}
	for fails, operations := range map[string]string{"": "truncate sync", "truncate": "truncate", "sync": "truncate sync"} {
		d := newFailingDir(t, fails)
		f, err := d.Create("name")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		d.operations = nil
		d.check(t, vfs.TruncateFile(f, 10), operations)
	}
}
