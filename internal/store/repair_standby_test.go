package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// crashedStandby returns the disk of a standby that had everything of its server when the
// power was lost, or when its process was killed.
func crashedStandby(t *testing.T, from *store.Store, killed bool) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	b := newStandby(t, disk, from)
	if err := copyGroups(b, from); err != nil {
		t.Fatal(err)
	}
	if !killed {
		return disk.Crash(rand.New(rand.NewPCG(1, 1)))
	}
	return disk.Kill()
}

func repairStandby(fsys vfs.FS, from *store.Store, options store.RepairOptions) (*store.RepairReport, error) {
	options.FS = fsys
	if from != nil {
		options.From, options.Groups = "server", func(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
			return from.Groups(ctx, after, false)
		}
	}
	return store.Repair(context.Background(), standbyDir, &options)
}

// mustFollow verifies that the directory is that of a standby which continues, and has the
// same log as its server.
func mustFollow(t *testing.T, name string, disk *vfs.Mem, from *store.Store) {
	t.Helper()
	if _, err := store.Open(standbyDir, &store.Options{FS: disk}); !errors.Is(err, store.ErrStandby) {
		t.Fatalf("%s: opening it as a store: %v", name, err)
	}
	b, err := openStandby(disk)
	if err == nil {
		err = errors.Join(copyGroups(b, from), b.Close())
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want := logCopy{}
	groups, err := collectGroups(t, from, eventlog.GroupID{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		want.add(&g)
	}
	files := filesIn(disk, standbyDir+"/log")
	if len(files) != len(want) {
		t.Errorf("%s: files %v", name, files)
	}
	for base, content := range want {
		file := fmt.Sprintf("%s/log/%020d.log", standbyDir, base)
		if !slices.Equal(readAll(t, disk, file), content) {
			t.Errorf("%s: %s is another", name, file)
		}
	}
}

// A standby whose process was killed has the file copying, with the index of a durable group.
func TestRepairOfStandby(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 60)
	segments := filesIn(crashedStandby(t, from, true), standbyDir+"/log")
	segments = slices.DeleteFunc(segments, func(name string) bool { return !strings.HasSuffix(name, ".log") })
	last := segments[len(segments)-1]
	for name, corrupt := range map[string]func(*vfs.Mem){
		"nothing":     func(*vfs.Mem) {},
		"sealed":      func(disk *vfs.Mem) { flipBit(t, disk, segments[1], 300) },
		"header":      func(disk *vfs.Mem) { flipBit(t, disk, last, 20) },
		"missing":     func(disk *vfs.Mem) { removeFile(t, disk, segments[0]) },
		"first group": func(disk *vfs.Mem) { flipBit(t, disk, last, 100) },
		"last group": func(disk *vfs.Mem) {
			flipBit(t, disk, last, int64(len(strings.TrimRight(string(readAll(t, disk, last)), "\x00")))-3)
		},
		"last segment": func(disk *vfs.Mem) { removeFile(t, disk, last) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, killed := range []bool{false, true} {
				disk := crashedStandby(t, from, killed)
				corrupt(disk)
				if killed && name != "nothing" && name != "sealed" {
					if _, err := openStandby(disk); err == nil {
						t.Fatal("the standby opens")
					}
				}
				if report, err := repairStandby(disk, from, store.RepairOptions{}); err != nil || report.Corrupt != 0 || report.Lost != 0 {
					t.Fatalf("killed %v: report %+v, %v", killed, report, err)
				}
				mustFollow(t, name, disk, from)
			}
		})
	}
}

// Without its server, a standby can lose its end, and then be promoted.
func TestRepairTruncatesStandby(t *testing.T) {
	from := sourceStore(t)
	appendTracked(t, from, 60)
	for _, missing := range []bool{false, true} {
		disk := crashedStandby(t, from, true)
		segments := filesIn(disk, standbyDir+"/log")
		last := segments[slices.Index(segments, standbyDir+"/log/copying")-1]
		if missing {
			removeFile(t, disk, last)
		} else {
			flipBit(t, disk, last, int64(len(strings.TrimRight(string(readAll(t, disk, last)), "\x00")))-3)
		}
		report, err := repairStandby(disk, nil, store.RepairOptions{})
		if err != nil || !report.CanTruncate || report.Lost == 0 || !report.LostMore {
			t.Fatalf("report %+v, %v", report, err)
		}
		if again, err := repairStandby(disk, nil, store.RepairOptions{TruncateTail: true, DiscardEvents: report.Lost}); err != nil || again.Corrupt != 0 {
			t.Fatalf("truncating: %+v, %v", again, err)
		}
		image := disk.Crash(rand.New(rand.NewPCG(1, 1)))
		if p, err := store.Promote(standbyDir, &store.Options{FS: image}); err != nil || p.Head != report.FirstLost-1 {
			t.Fatalf("promoting: %+v, %v", p, err)
		}
		mustFollow(t, "truncated", disk, from)
	}
}
