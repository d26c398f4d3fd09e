package store

import (
	"bytes"
	"errors"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// rot changes a byte of a group of a closed store, and returns the name of the segment.
func rot(t *testing.T, disk *vfs.Mem, group uint64) string {
	t.Helper()
	s, err := Open("/store", &Options{FS: disk, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for g, err := range s.log.Groups(s.log.Start(), s.published.Load().group) {
		if err != nil {
			t.Fatal(err)
		}
		if g.Index == group {
			name := s.log.SegmentName(g.Base)
			f, err := disk.OpenWrite(name)
			if err == nil {
				_, err = f.WriteAt([]byte{^g.Payload[0]}, g.PayloadOffset())
			}
			if err != nil {
				t.Fatal(err)
			}
			return name
		}
	}
	t.Fatalf("there is no group %d", group)
	return ""
}

// fileOf returns the content of a file.
func fileOf(t *testing.T, disk *vfs.Mem, name string) []byte {
	t.Helper()
	f, err := disk.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	b := make([]byte, size)
	if err == nil {
		_, err = f.ReadAt(b, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A replica cuts its log at the first unsound byte only if the shared log has what follows.
// Everything else refuses the directory, and keeps what umadb repair can use.
func TestReplicaDoesNotCutWhatTheSharedLogDoesNotHave(t *testing.T) {
	standalone := vfs.NewMem()
	s, err := Open("/store", &Options{FS: standalone})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustAppend(t, s, "x")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	id, end, err := SharedOrigin("/store", &Options{FS: standalone})
	if err != nil {
		t.Fatal(err)
	}
	e := fakelog.New(fakelog.Options{})
	if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: id, Point: end}); err != nil {
		t.Fatal(err)
	}
	replica := standalone.Kill()
	s = openShared(t, e, replica, Shared{})
	for range 3 {
		mustAppend(t, s, "x")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(e *fakelog.Engine, down bool) func(*vfs.Mem) error {
		return func(disk *vfs.Mem) error {
			client := e.Connect()
			client.SetDown(down)
			s, err := OpenShared(t.Context(), "/store", &Options{FS: disk}, Shared{Log: client})
			if err == nil {
				defer s.Close()
				if head, _ := s.Head(t.Context()); head != 6 {
					t.Errorf("the head is %d", head)
				}
			}
			return err
		}
	}
	detach := func(disk *vfs.Mem) error {
		_, err := Detach("/store", &Options{FS: disk})
		return err
	}
	for name, c := range map[string]struct {
		disk  *vfs.Mem
		group uint64
		open  func(*vfs.Mem) error
		cut   bool
	}{
		"another store":                  {standalone, 2, open(sharedEngine(t, fakelog.Options{}), false), false},
		"a store that was no replica":    {standalone, 2, open(e, false), false},
		"before the start of the log":    {replica, 2, open(e, false), false},
		"after the start of the log":     {replica, end.Index + 1, open(e, false), true},
		"the shared log does not answer": {replica, end.Index + 1, open(e, true), false},
		"detaching":                      {replica, end.Index + 1, detach, false},
	} {
		disk := c.disk.Kill()
		segment := rot(t, disk, c.group)
		before := fileOf(t, disk, segment)
		err := c.open(disk)
		if c.cut {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, dcb.ErrCorruption) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(fileOf(t, disk, segment), before) {
			t.Errorf("%s: the segment has changed", name)
		}
	}
}
