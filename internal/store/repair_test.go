package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

const copyDir = "/copy"

// copyFile copies a file within a disk, durably.
func copyFile(t *testing.T, disk *vfs.Mem, from, to string) {
	t.Helper()
	copyBetween(t, disk, disk, from, to)
}

// copyBetween copies a file from a disk to another one, durably.
func copyBetween(t *testing.T, from, to *vfs.Mem, name, as string) {
	t.Helper()
	putFile(t, to, as, readAll(t, from, name))
}

// putFile creates or replaces a file, durably.
func putFile(t *testing.T, disk *vfs.Mem, name string, content []byte) {
	t.Helper()
	if err := disk.MkdirAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	d, err := disk.OpenDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Create(filepath.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), d.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, disk *vfs.Mem, name string) []byte {
	t.Helper()
	d, err := disk.OpenDir(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Open(filepath.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil && size > 0 {
		t.Fatal(err)
	}
	return content
}

// newCopiedDisk returns a disk with a closed store, a copy of it, and the segments.
func newCopiedDisk(t *testing.T) (disk *vfs.Mem, segments []string) {
	t.Helper()
	disk = newFilledDisk(t)
	segments = filesIn(disk, crashDir+"/log")
	for _, name := range segments {
		copyFile(t, disk, name, filepath.Join(copyDir, "log", filepath.Base(name)))
	}
	return disk, segments
}

func repair(fs vfs.FS, options store.RepairOptions) (*store.RepairReport, error) {
	options.Options = *smallOptions(fs)
	return store.Repair(context.Background(), crashDir, &options)
}

// mustBeComplete verifies that the store opens with all 120 events, and is valid.
func mustBeComplete(t *testing.T, name string, disk vfs.FS, events int) {
	t.Helper()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if n := countEvents(t, s); n != events {
		t.Errorf("%s: %d events instead of %d", name, n, events)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustBeValid(t, name, disk)
}

func removeFile(t *testing.T, disk *vfs.Mem, name string) {
	t.Helper()
	d, err := disk.OpenDir(filepath.Dir(name))
	if err == nil {
		err = errors.Join(d.Remove(filepath.Base(name)), d.Sync())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRepairOnlyExaminesByDefault(t *testing.T) {
	disk, segments := newCopiedDisk(t)
	if report, err := repair(disk, store.RepairOptions{}); err != nil || report.Corrupt != 0 || len(report.Steps) != 0 {
		t.Errorf("a valid store: %+v, %v", report, err)
	}
	flipBit(t, disk, segments[1], 200)
	removeFile(t, disk, segments[3])
	before := map[string]string{}
	for _, name := range disk.Files() {
		before[name] = string(readAll(t, disk, name))
	}
	report, err := repair(disk, store.RepairOptions{})
	if err != nil || report.Corrupt != 2 || len(report.Steps) != 2 || report.Steps[0].File != segments[1] || report.Steps[1].File != segments[3] {
		t.Errorf("report %+v, %v", report, err)
	}
	for _, name := range disk.Files() {
		if before[name] != string(readAll(t, disk, name)) {
			t.Errorf("%s has changed", name)
		}
	}
	if _, err := repair(disk, store.RepairOptions{TruncateTail: true}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("truncating: %v", err)
	}
}

func TestRepairFromCopy(t *testing.T) {
	for name, corrupt := range map[string]func(*testing.T, *vfs.Mem, []string){
		"sealed": func(t *testing.T, disk *vfs.Mem, s []string) { flipBit(t, disk, s[1], 300) },
		"two": func(t *testing.T, disk *vfs.Mem, s []string) {
			flipBit(t, disk, s[1], 300)
			flipBit(t, disk, s[2], 100)
		},
		"first header": func(t *testing.T, disk *vfs.Mem, s []string) { flipBit(t, disk, s[0], 20) },
		"lost header": func(t *testing.T, disk *vfs.Mem, s []string) {
			content := readAll(t, disk, s[1])
			clear(content[8:520])
			putFile(t, disk, s[1], content)
		},
		"last header":   func(t *testing.T, disk *vfs.Mem, s []string) { flipBit(t, disk, s[len(s)-1], 20) },
		"last":          func(t *testing.T, disk *vfs.Mem, s []string) { flipBit(t, disk, s[len(s)-1], 100) },
		"missing":       func(t *testing.T, disk *vfs.Mem, s []string) { removeFile(t, disk, s[2]); removeFile(t, disk, s[3]) },
		"missing first": func(t *testing.T, disk *vfs.Mem, s []string) { removeFile(t, disk, s[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, received := range []bool{false, true} {
				disk, segments := newCopiedDisk(t)
				corrupt(t, disk, segments)
				options := store.RepairOptions{From: copyDir}
				if received {
					options = receivedFrom(t, disk)
				}
				report, err := repair(disk, options)
				if err != nil || report.Corrupt != 0 || report.Lost != 0 {
					t.Fatalf("report %+v, %v", report, err)
				}
				if kept := filesIn(disk, crashDir+"/repair"); !strings.Contains(name, "missing") && len(kept) == 0 {
					t.Error("the corrupt file was not kept")
				}
				mustBeComplete(t, name, disk, 120)
			}
		})
	}
}

// receivedFrom returns options with the groups of the copy, as from a server.
func receivedFrom(t *testing.T, disk *vfs.Mem) store.RepairOptions {
	t.Helper()
	s, err := store.Open(copyDir, smallOptions(disk))
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return store.RepairOptions{From: "server", Groups: func(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
		if err != nil {
			return func(yield func(eventlog.Group, error) bool) { yield(eventlog.Group{}, err) }
		}
		return s.Groups(ctx, after, false)
	}}
}

// A copy with another history after the corrupt group has what is missing.
func TestRepairFromCopyThatContinuesDifferently(t *testing.T) {
	for _, received := range []bool{false, true} {
		disk, segments := newCopiedDisk(t)
		for dir, events := range map[string]int{crashDir: 1, copyDir: 3} {
			s, err := store.Open(dir, smallOptions(disk))
			if err != nil {
				t.Fatal(err)
			}
			for range events {
				mustAppend(t, s, dir, 1)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		flipBit(t, disk, segments[len(segments)-1], 100)
		options := store.RepairOptions{From: copyDir}
		if received {
			options = receivedFrom(t, disk)
		}
		if report, err := repair(disk, options); err != nil || report.Corrupt != 0 || report.Lost != 0 {
			t.Errorf("received %v: report %+v, %v", received, report, err)
			continue
		}
		mustBeComplete(t, "repaired", disk, 121)
	}
}

// A copy that lacks what is missing, or that of another store, changes nothing.
func TestRepairFromUnsuitableCopy(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *vfs.Mem, string){
		"corrupt in the same place": func(t *testing.T, disk *vfs.Mem, segment string) { flipBit(t, disk, segment, 300) },
		"older": func(t *testing.T, disk *vfs.Mem, segment string) {
			for _, name := range filesIn(disk, copyDir+"/log") {
				if name >= segment {
					removeFile(t, disk, name)
				}
			}
		},
		"another store": func(t *testing.T, disk *vfs.Mem, _ string) {
			for _, name := range filesIn(disk, copyDir+"/log") {
				removeFile(t, disk, name)
			}
			s, err := store.Open(copyDir, smallOptions(disk))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 40 {
				mustAppend(t, s, fmt.Sprint(i), 3)
			}
			s.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			disk, segments := newCopiedDisk(t)
			flipBit(t, disk, segments[1], 300)
			before := readAll(t, disk, segments[1])
			spoil(t, disk, filepath.Join(copyDir, "log", filepath.Base(segments[1])))
			if report, err := repair(disk, store.RepairOptions{From: copyDir}); !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Errorf("report %+v, %v", report, err)
			}
			if report, err := repair(disk, receivedFrom(t, disk)); err == nil {
				t.Errorf("from groups: report %+v", report)
			}
			if !slices.Equal(before, readAll(t, disk, segments[1])) || !slices.Equal(segments, filesIn(disk, crashDir+"/log")) {
				t.Error("the log has changed")
			}
		})
	}
}

// Received groups are verified: a wrong one changes nothing.
func TestRepairVerifiesReceivedGroups(t *testing.T) {
	for name, spoil := range map[string]func(*eventlog.Group){
		"payload": func(g *eventlog.Group) { g.Payload[len(g.Payload)-1]++ },
		"header":  func(g *eventlog.Group) { g.Header[8]++ },
		"index":   func(g *eventlog.Group) { g.Index++ },
	} {
		t.Run(name, func(t *testing.T) {
			disk, segments := newCopiedDisk(t)
			removeFile(t, disk, segments[1])
			options := receivedFrom(t, disk)
			groups := options.Groups
			options.Groups = func(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
				return func(yield func(eventlog.Group, error) bool) {
					n := 0
					for g, err := range groups(ctx, after) {
						if n++; n == 2 {
							spoil(&g)
						}
						if !yield(g, err) {
							return
						}
					}
				}
			}
			if report, err := repair(disk, options); !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Errorf("report %+v, %v", report, err)
			}
			if slices.Contains(filesIn(disk, crashDir+"/log"), segments[1]) {
				t.Error("the segment was written")
			}
		})
	}
}

// Without its header, a segment could be written again with fewer groups than it has.
func TestRepairLosesNoValidGroup(t *testing.T) {
	disk, segments := newCopiedDisk(t)
	last := segments[len(segments)-1]
	copied, err := disk.OpenDir(copyDir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	f, err := copied.OpenWrite(filepath.Base(last))
	if err == nil {
		err = errors.Join(f.Truncate(int64(len(readAll(t, disk, last))-100)), f.Sync())
	}
	if err != nil {
		t.Fatal(err)
	}
	flipBit(t, disk, last, 20)
	if report, err := repair(disk, store.RepairOptions{From: copyDir}); err != nil || report.Corrupt != 0 {
		t.Fatalf("report %+v, %v", report, err)
	}
	mustBeComplete(t, "header from a copy that ends earlier", disk, 120)

	flipBit(t, disk, last, 20)
	flipBit(t, disk, last, int64(len(readAll(t, disk, last))-70))
	before := readAll(t, disk, last)
	if report, err := repair(disk, store.RepairOptions{From: copyDir}); !errors.Is(err, dcb.ErrInvalidArgument) || !slices.Equal(before, readAll(t, disk, last)) {
		t.Errorf("report %+v, %v", report, err)
	}
}

// The index shows that groups are missing, although the log has only a torn write.
func TestRepairCountsWhatTheIndexShows(t *testing.T) {
	disk, segments := newCopiedDisk(t)
	removeFile(t, disk, segments[len(segments)-1])
	report, err := repair(disk, store.RepairOptions{})
	if err != nil || report.Corrupt != 0 || report.Lost == 0 || report.FirstLost+report.Lost > 121 {
		t.Fatalf("report %+v, %v", report, err)
	}
	if _, err := repair(disk, store.RepairOptions{TruncateTail: true, DiscardEvents: report.Lost}); err != nil {
		t.Fatal(err)
	}
	mustBeComplete(t, "truncated", disk, int(report.FirstLost-1))
}

// corruptTail changes a byte of a group in the last segment, so that valid groups follow.
func corruptTail(t *testing.T) (disk *vfs.Mem, last string) {
	t.Helper()
	disk, segments := newCopiedDisk(t)
	last = segments[len(segments)-1]
	flipBit(t, disk, last, 100)
	return disk, last
}

func TestRepairTruncatesTailOnlyWithNumberOfLostEvents(t *testing.T) {
	disk, last := corruptTail(t)
	before := readAll(t, disk, last)
	report, err := repair(disk, store.RepairOptions{})
	if err != nil || report.Lost == 0 || report.FirstLost+report.Lost != 121 {
		t.Fatalf("report %+v, %v", report, err)
	}
	for _, n := range []uint64{0, report.Lost - 1, report.Lost + 1} {
		if _, err := repair(disk, store.RepairOptions{TruncateTail: true, DiscardEvents: n}); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), fmt.Sprintf("--discard-events %d", report.Lost)) {
			t.Errorf("with %d: %v", n, err)
		}
		if !slices.Equal(before, readAll(t, disk, last)) {
			t.Fatal("the log has changed")
		}
	}
	after, err := repair(disk, store.RepairOptions{TruncateTail: true, DiscardEvents: report.Lost})
	if err != nil || after.Corrupt != 0 {
		t.Fatalf("report %+v, %v", after, err)
	}
	kept := filesIn(disk, crashDir+"/repair")
	if len(kept) != 1 || !strings.HasSuffix(string(before), string(readAll(t, disk, kept[0]))) {
		t.Errorf("kept: %v", kept)
	}
	// HEAD announces a group that is gone. A read-only store cannot write it again.
	options := smallOptions(disk)
	options.ReadOnly = true
	reader, err := store.Open(crashDir, options)
	if err != nil {
		t.Fatal(err)
	}
	if n := countEvents(t, reader); n != int(120-report.Lost) {
		t.Errorf("%d events are read", n)
	}
	reader.Close()
	mustBeComplete(t, "truncated", disk, int(120-report.Lost))
}

// After a power cut at any step of a repair, nothing that was valid is lost, and the repair
// can be repeated.
func TestRepairSurvivesPowerCuts(t *testing.T) {
	for name, c := range map[string]struct {
		options store.RepairOptions
		events  func(lost uint64) int
	}{
		"from a copy": {store.RepairOptions{From: copyDir}, func(uint64) int { return 120 }},
		"truncated":   {store.RepairOptions{TruncateTail: true}, func(lost uint64) int { return int(120 - lost) }},
	} {
		t.Run(name, func(t *testing.T) {
			for cut := 0; ; cut++ {
				disk, last := corruptTail(t)
				before := readAll(t, disk, last)
				report, err := repair(disk, store.RepairOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if c.options.TruncateTail {
					c.options.DiscardEvents = report.Lost
				}
				power := &powerCut{left: cut}
				_, err = repair(vfs.Observe(disk, power.before), c.options)
				ended := err == nil
				image := disk.Crash(rand.New(rand.NewPCG(1, uint64(cut))))
				if now := readAll(t, image, last); !slices.Equal(now, before) && len(filesIn(image, crashDir+"/repair")) == 0 {
					t.Fatalf("cut %d: the log has changed, and nothing is kept", cut)
				}
				again := c.options
				if r, err := repair(image, store.RepairOptions{}); err != nil {
					t.Fatalf("cut %d: examining: %v", cut, err)
				} else {
					again.DiscardEvents = r.Lost
				}
				if r, err := repair(image, again); err != nil || r.Corrupt != 0 {
					t.Fatalf("cut %d: again: %+v, %v", cut, r, err)
				}
				mustBeComplete(t, fmt.Sprint("cut ", cut), image, c.events(report.Lost))
				if ended {
					break
				}
			}
		})
	}
}
