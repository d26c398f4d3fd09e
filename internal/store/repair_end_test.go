package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// killed returns what a disk has of a store with 30 events whose process was killed, and a
// copy of it: there is no clean-close record, and the last segment has padding.
func killed(t *testing.T) (disk *vfs.Mem, last string) {
	t.Helper()
	disk = vfs.NewMem()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		mustAppend(t, s, "before", 3)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	segments := filesIn(disk, crashDir+"/log")
	for _, name := range segments {
		copyFile(t, disk, name, filepath.Join(copyDir, "log", filepath.Base(name)))
	}
	last = segments[len(segments)-1]
	content := readAll(t, disk, last)
	clear(content[len(content)-64:])
	putFile(t, disk, last, append(content, make([]byte, 1000)...))
	return disk, last
}

// The last group was acknowledged, and so announced in the file HEAD. Without that, what is
// left of it would look like a commit that a crash interrupted.
func TestRepairOfAnnouncedLastGroup(t *testing.T) {
	disk, last := killed(t)
	if report, err := repair(disk, store.RepairOptions{}); err != nil || report.Corrupt != 0 || report.CanTruncate {
		t.Fatalf("a killed store: %+v, %v", report, err)
	}
	content := strings.TrimRight(string(readAll(t, disk, last)), "\x00")
	flipBit(t, disk, last, int64(len(content))-5)
	report, err := repair(disk, store.RepairOptions{})
	if err != nil || report.Corrupt != 1 || report.Lost != 1 || !report.LostMore || report.FirstLost != 28 {
		t.Fatalf("report %+v, %v", report, err)
	}
	image := vfs.NewMem()
	for _, name := range disk.Files() {
		copyBetween(t, disk, image, name, name)
	}
	if report, err = repair(image, store.RepairOptions{From: copyDir}); err != nil || report.Corrupt != 0 || report.Lost != 0 {
		t.Fatalf("from a copy: %+v, %v", report, err)
	}
	mustBeComplete(t, "from a copy", image, 30)
	if report, err = repair(disk, store.RepairOptions{TruncateTail: true, DiscardEvents: 1}); err != nil || report.Corrupt != 0 {
		t.Fatalf("truncating: %+v, %v", report, err)
	}
	if report, err = repair(disk, store.RepairOptions{}); err != nil || report.Corrupt != 0 || report.CanTruncate {
		t.Fatalf("truncated: %+v, %v", report, err)
	}
	mustBeComplete(t, "truncated", disk, 27)
}

// The announcement of another store shows nothing.
func TestRepairIgnoresAnnouncementOfAnotherStore(t *testing.T) {
	disk, last := killed(t)
	s, err := store.Open("/other", smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		mustAppend(t, s, "other", 1)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyFile(t, disk, "/other/HEAD", crashDir+"/HEAD")
	content := strings.TrimRight(string(readAll(t, disk, last)), "\x00")
	flipBit(t, disk, last, int64(len(content))-5)
	if report, err := repair(disk, store.RepairOptions{}); err != nil || report.Corrupt != 0 || len(report.Steps) != 1 || report.Steps[0].Step != "torn" {
		t.Errorf("report %+v, %v", report, err)
	}
}

// Nothing in the log names its last segments. The index does.
func TestRepairOfMissingLastSegments(t *testing.T) {
	for _, received := range []bool{false, true} {
		for missing := 1; missing <= 3; missing++ {
			disk, segments := newCopiedDisk(t)
			before := map[string][]byte{}
			for _, name := range segments[len(segments)-missing:] {
				before[name] = readAll(t, disk, name)
				removeFile(t, disk, name)
			}
			if report, err := repair(disk, store.RepairOptions{}); err != nil || report.Lost == 0 {
				t.Fatalf("examining: %+v, %v", report, err)
			}
			options := store.RepairOptions{From: copyDir}
			if received {
				options = receivedFrom(t, disk)
			}
			if report, err := repair(disk, options); err != nil || report.Corrupt != 0 || report.Lost != 0 {
				t.Fatalf("%d missing, received %v: %+v, %v", missing, received, report, err)
			}
			for name, content := range before {
				if !slices.Equal(readAll(t, disk, name), content) {
					t.Errorf("%s is another", name)
				}
			}
			mustBeComplete(t, "repaired", disk, 120)
		}
	}
}

// The last segment ends with a valid group, but the index has later ones. A copy that ends
// there too changes nothing.
func TestRepairOfShortLastSegment(t *testing.T) {
	for name, from := range map[string]string{"complete": copyDir, "as short": "/short"} {
		t.Run(name, func(t *testing.T) {
			disk, segments := newCopiedDisk(t)
			last := segments[len(segments)-1]
			whole := readAll(t, disk, last)
			blocks := map[string][]byte{}
			for _, name := range filesIn(disk, crashDir+"/index") {
				blocks[name] = readAll(t, disk, name)
			}
			flipBit(t, disk, last, 100)
			r, err := repair(disk, store.RepairOptions{})
			if err == nil {
				_, err = repair(disk, store.RepairOptions{TruncateTail: true, DiscardEvents: r.Lost})
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range segments {
				copyFile(t, disk, s, filepath.Join("/short/log", filepath.Base(s)))
			}
			for name, content := range blocks {
				putFile(t, disk, name, content)
			}
			report, err := repair(disk, store.RepairOptions{From: from})
			if err != nil || report.Corrupt != 0 || (report.Lost == 0) != (from == copyDir) {
				t.Fatalf("report %+v, %v", report, err)
			}
			if from == copyDir && !slices.Equal(readAll(t, disk, last), whole) {
				t.Error("the last segment is another")
			}
		})
	}
}

// What the disk cannot read is corrupt.
func TestRepairOfUnreadableSectors(t *testing.T) {
	for _, at := range []int64{0, 700} { // the header, and groups
		for _, which := range []int{0, 1, -1} {
			disk, segments := newCopiedDisk(t)
			bad := segments[(which+len(segments))%len(segments)]
			if int64(len(readAll(t, disk, bad))) < at {
				at = 100
			}
			replaced := false
			failing := vfs.Observe(disk, func(op vfs.Op) error {
				if op.Kind == "rename" && op.Name == bad {
					replaced = true // the disk has other sectors for it
				}
				if !replaced && op.Kind == "read" && op.Name == bad && op.Offset <= at && at < op.Offset+op.Size {
					return errors.New("input/output error")
				}
				return nil
			})
			report, err := repair(failing, store.RepairOptions{})
			if err != nil || report.Corrupt != 1 || !strings.Contains(report.Steps[0].What, "input/output error") {
				t.Fatalf("report %+v, %v", report, err)
			}
			if report, err = repair(failing, store.RepairOptions{From: copyDir}); err != nil || report.Corrupt != 0 {
				t.Fatalf("from a copy: %+v, %v", report, err)
			}
			mustBeComplete(t, "unreadable", disk, 120)
		}
	}
}

// A segment that is full in this store may be continued in a copy with another history.
func TestRepairFromCopyThatContinuesFullSegment(t *testing.T) {
	disk, segments := newCopiedDisk(t)
	for _, name := range filesIn(disk, copyDir+"/log") {
		if filepath.Base(name) > filepath.Base(segments[1]) {
			removeFile(t, disk, name)
		}
	}
	options := smallOptions(disk)
	options.SegmentBytes = 1 << 20
	s, err := store.Open(copyDir, options)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "other", 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flipBit(t, disk, segments[1], 300)
	if report, err := repair(disk, store.RepairOptions{From: copyDir}); err != nil || report.Corrupt != 0 {
		t.Fatalf("report %+v, %v", report, err)
	}
	mustBeComplete(t, "repaired", disk, 120)
}

// The findings of the last scrub are those of the log before its repair.
func TestRepairRemovesFindingsOfScrub(t *testing.T) {
	const name = crashDir + "/index/scrub.json"
	for _, options := range []store.RepairOptions{{From: copyDir}, {TruncateTail: true}} {
		disk, _ := corruptTail(t)
		copyFile(t, disk, crashDir+"/HEAD", name) // of any content
		report, err := repair(disk, store.RepairOptions{})
		if err != nil || !slices.Contains(disk.Files(), name) {
			t.Fatalf("examining: %+v, %v", report, err)
		}
		if options.TruncateTail {
			options.DiscardEvents = report.Lost
		}
		report, err = repair(disk, options)
		if err != nil || slices.Contains(disk.Files(), name) || !slices.ContainsFunc(report.Steps, func(s store.RepairStep) bool { return s.File == name && s.Step == "removed" }) {
			t.Errorf("report %+v, %v", report, err)
		}
	}
}

func TestRepairReadsValidSegmentsOnce(t *testing.T) {
	disk, segments := newCopiedDisk(t)
	for _, name := range segments[1:5] {
		flipBit(t, disk, name, 300)
	}
	bytes := int64(0)
	fsys := vfs.Observe(disk, func(op vfs.Op) error {
		if op.Kind == "read" && op.Name == segments[0] {
			bytes += op.Size
		}
		return nil
	})
	if report, err := repair(fsys, store.RepairOptions{From: copyDir}); err != nil || report.Corrupt != 0 {
		t.Fatalf("report %+v, %v", report, err)
	}
	if size := int64(len(readAll(t, disk, segments[0]))); bytes > size+200 {
		t.Errorf("%d bytes were read of a segment with %d", bytes, size)
	}
}

// An interrupted repair ends soon, leaves what it completed, and can be repeated.
func TestRepairCanBeInterrupted(t *testing.T) {
	for reads, written := 1, 0; ; reads++ {
		disk, segments := newCopiedDisk(t)
		for _, name := range segments[1:4] {
			flipBit(t, disk, name, 300)
		}
		ctx, cancel := context.WithCancel(t.Context())
		left, after := reads, 0
		fsys := vfs.Observe(disk, func(op vfs.Op) error {
			if op.Kind != "read" {
				return nil
			}
			if left--; left == 0 {
				cancel()
			} else if left < 0 {
				after++
			}
			return nil
		})
		var steps []string
		options := &store.RepairOptions{Options: *smallOptions(fsys), From: copyDir, Step: func(s store.RepairStep) { steps = append(steps, s.Step) }}
		_, err := store.Repair(ctx, crashDir, options)
		if left > 0 {
			if err != nil || written < 10 {
				t.Errorf("%d interruptions after a segment was written; %v", written, err)
			}
			break
		}
		if !errors.Is(err, context.Canceled) && err != nil || after > 6 {
			t.Fatalf("interrupted at read %d: %d more reads, error %v", reads, after, err)
		}
		done := 0
		for _, step := range steps {
			if step == "written" {
				done++
				written++
			}
		}
		if report, err := repair(disk, store.RepairOptions{}); err != nil || report.Corrupt != 3-done {
			t.Fatalf("interrupted at read %d, after %v: %+v, %v", reads, steps, report, err)
		}
		if slices.ContainsFunc(disk.Files(), func(name string) bool { return strings.HasSuffix(name, ".tmp") }) {
			t.Fatalf("interrupted at read %d: %v", reads, disk.Files())
		}
		if report, err := repair(disk, store.RepairOptions{From: copyDir}); err != nil || report.Corrupt != 0 {
			t.Fatalf("again: %+v, %v", report, err)
		}
	}
}
