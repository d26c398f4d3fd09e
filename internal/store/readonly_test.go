package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

const lockFile = crashDir + "/LOCK"

// onReadOnlyDisk are the options for a store on a disk that nobody may write. It
// fails if anybody tries, but for making the lock.
func onReadOnlyDisk(t *testing.T, disk *vfs.Mem, blockEvents int) *store.Options {
	fsys := vfs.Observe(disk, func(op vfs.Op) error {
		switch op.Kind {
		case "opendir", "open", "read", "list", "lockdir":
			return nil
		case "lock":
			if slices.Contains(disk.Files(), lockFile) {
				return nil
			}
		default:
			t.Errorf("%s %s", op.Kind, op.Name)
		}
		return syscall.EROFS
	})
	options := tiny(fsys)
	options.ReadOnly, options.BlockEvents = true, blockEvents
	return options
}

// contents is what a store says of what it holds.
type contents struct {
	all, tagged []dcb.SequencedEvent
	tracked     uint64
	types       store.TermStats
}

func contentsOf(t *testing.T, s *store.Store) (c contents) {
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

func TestReadOnlyReadsWhatIsThereAndChangesNothing(t *testing.T) {
	for name, spoil := range map[string]func(*vfs.Mem){
		"closed":           func(*vfs.Mem) {},
		"without a lock":   func(disk *vfs.Mem) { disk.Remove(lockFile) },
		"torn":             func(disk *vfs.Mem) { cutShort(t, disk, lastOf(disk, "log"), 3) },
		"damaged block":    func(disk *vfs.Mem) { flip(t, disk, within(disk, crashDir+"/index")[1], 9) },
		"missing block":    func(disk *vfs.Mem) { disk.Remove(within(disk, crashDir+"/index")[1]) },
		"no last block":    func(disk *vfs.Mem) { disk.Remove(lastOf(disk, "index")) },
		"without an index": func(disk *vfs.Mem) { removeIndex(disk) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := filled(t)
			spoil(disk)
			s, err := store.Open(crashDir, onReadOnlyDisk(t, disk, 50))
			if err != nil {
				t.Fatal(err)
			}
			got := contentsOf(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			s, err = store.Open(crashDir, tiny(disk))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if want := contentsOf(t, s); !reflect.DeepEqual(got, want) || len(got.all) != 120 || len(got.tagged) != 6 {
				t.Errorf("read %v\nwant %v", got, want)
			}
		})
	}
}

// lastOf gives the last file of a folder of the store.
func lastOf(disk *vfs.Mem, folder string) string {
	names := within(disk, filepath.Join(crashDir, folder))
	return names[len(names)-1]
}

func removeIndex(disk *vfs.Mem) {
	for _, name := range within(disk, crashDir+"/index") {
		disk.Remove(name)
	}
}

// cutShort takes bytes off the end of a file.
func cutShort(t *testing.T, disk *vfs.Mem, name string, bytes int64) {
	t.Helper()
	f, err := disk.OpenWrite(name)
	if err == nil {
		err = errors.Join(f.Truncate(size(t, disk, name)-bytes), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyRefusesAppends(t *testing.T) {
	s, err := store.Open(crashDir, onReadOnlyDisk(t, filled(t), 2))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Append(t.Context(), appends("late", 1), nil, nil)
	if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "read only") {
		t.Errorf("append: %v", err)
	}
	if err := s.Restore(t.Context(), nil); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("restore: %v", err)
	}
}

func TestReadOnlyRefusesWhatItCannotReadWhole(t *testing.T) {
	locked := filled(t)
	lock, err := locked.Lock(lockFile)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	damaged := filled(t)
	flip(t, damaged, lastOf(damaged, "log"), 100)
	bare := filled(t)
	removeIndex(bare)
	for i, tc := range []struct {
		disk *vfs.Mem
		kind error
		says string
	}{
		{locked, dcb.ErrIO, "locked by another process"},
		{damaged, dcb.ErrCorruption, "opening the log"},
		{bare, dcb.ErrIO, "open a copy that can be written"},
		{vfs.NewMem(), dcb.ErrInvalidArgument, "no store"},
	} {
		s, err := store.Open(crashDir, onReadOnlyDisk(t, tc.disk, 2))
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, tc.kind) || !strings.Contains(fmt.Sprint(err), tc.says) {
			t.Errorf("%d: %v", i, err)
		}
	}
}
