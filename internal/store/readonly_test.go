package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

const lockFile = crashDir + "/LOCK"

// readOnlyOptions returns options for a read-only store on a read-only disk. Any attempt
// to write or to take a lock fails the test.
func readOnlyOptions(t *testing.T, disk *vfs.Mem, blockEvents int) *store.Options {
	fsys := vfs.Observe(disk, func(op vfs.Op) error {
		switch op.Kind {
		case "opendir", "open", "read", "list", "checkpath":
			return nil
		default:
			t.Errorf("%s %s", op.Kind, op.Name)
		}
		return syscall.EROFS
	})
	options := smallOptions(fsys)
	options.ReadOnly, options.BlockEvents = true, blockEvents
	return options
}

// contents is the content of a store, as several calls return it.
type contents struct {
	all, tagged []dcb.SequencedEvent
	tracked     uint64
	types       store.TermStats
}

func readContents(t *testing.T, s *store.Store) (c contents) {
	t.Helper()
	var errs [4]error
	c.all, _, errs[0] = s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	tagged := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"30"}}, {Tags: []string{"3"}}}}
	c.tagged, _, errs[1] = s.Read(t.Context(), tagged, dcb.ReadOptions{Backwards: true}).Collect()
	c.tracked, _, errs[2] = s.GetTrackingInfo(t.Context(), "upstream")
	stats, err := s.Stats(t.Context(), &store.StatsOptions{Top: 9})
	if errs[3] = err; err == nil {
		c.types = stats.Types
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadOnlyStoreChangesNothing(t *testing.T) {
	for name, change := range map[string]func(*vfs.Mem){
		"closed":           func(*vfs.Mem) {},
		"without a lock":   func(disk *vfs.Mem) { disk.Remove(lockFile) },
		"no announcement":  func(disk *vfs.Mem) { disk.Remove(crashDir + "/HEAD") },
		"torn":             func(disk *vfs.Mem) { truncateFile(t, disk, lastFile(disk, "log"), 3) },
		"corrupt block":    func(disk *vfs.Mem) { flipBit(t, disk, filesIn(disk, crashDir+"/index")[1], 9) },
		"missing block":    func(disk *vfs.Mem) { disk.Remove(filesIn(disk, crashDir+"/index")[1]) },
		"no last block":    func(disk *vfs.Mem) { disk.Remove(lastFile(disk, "index")) },
		"without an index": func(disk *vfs.Mem) { removeIndex(disk) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFilledDisk(t)
			change(disk)
			s, err := store.Open(crashDir, readOnlyOptions(t, disk, 50))
			if err != nil {
				t.Fatal(err)
			}
			got := readContents(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			s, err = store.Open(crashDir, smallOptions(disk))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if want := readContents(t, s); !reflect.DeepEqual(got, want) || len(got.all) != 120 || len(got.tagged) != 6 {
				t.Errorf("read %v\nwant %v", got, want)
			}
		})
	}
}

// lastFile returns the last file in a directory of the store.
func lastFile(disk *vfs.Mem, dir string) string {
	names := filesIn(disk, filepath.Join(crashDir, dir))
	return names[len(names)-1]
}

func removeIndex(disk *vfs.Mem) {
	for _, name := range filesIn(disk, crashDir+"/index") {
		disk.Remove(name)
	}
}

// truncateFile removes bytes from the end of a file.
func truncateFile(t *testing.T, disk *vfs.Mem, name string, bytes int64) {
	t.Helper()
	f, err := disk.OpenWrite(name)
	if err == nil {
		err = errors.Join(f.Truncate(fileSize(t, disk, name)-bytes), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyStoreRefusesAppends(t *testing.T) {
	s, err := store.Open(crashDir, readOnlyOptions(t, newFilledDisk(t), 2))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Append(t.Context(), newEvents("late", 1), nil, nil)
	if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("append: %v", err)
	}
	if err := s.Restore(t.Context(), nil); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("restore: %v", err)
	}
}

func TestReadOnlyOpenFailures(t *testing.T) {
	corrupt := newFilledDisk(t)
	last := lastFile(corrupt, "log")
	flipBit(t, corrupt, last, fileSize(t, corrupt, last)-70) // in the last group, before the clean-close record
	bare := newFilledDisk(t)
	removeIndex(bare)
	for i, tc := range []struct {
		disk *vfs.Mem
		kind error
		text string
	}{
		{corrupt, dcb.ErrCorruption, "opening the log"},
		{bare, dcb.ErrIO, "open a copy that can be written"},
		{vfs.NewMem(), dcb.ErrInvalidArgument, "no store"},
	} {
		s, err := store.Open(crashDir, readOnlyOptions(t, tc.disk, 2))
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, tc.kind) || !strings.Contains(fmt.Sprint(err), tc.text) {
			t.Errorf("%d: %v", i, err)
		}
	}
}
