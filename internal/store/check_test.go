package store_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// newFilledDisk returns the disk of a closed store with 40 appends in several segments.
func newFilledDisk(t *testing.T) *vfs.Mem {
	t.Helper()
	s, _, disk := newFaultyStore(t)
	for i := range 40 {
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	if _, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "upstream", Position: 7}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

// mustSettle waits until the index of a store has its final blocks: otherwise, those that a closed
// store has depend on what its background work has done by then.
func mustSettle(t *testing.T, s *store.Store) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		l, err := s.Layout(t.Context())
		switch {
		case err != nil:
			t.Fatal(err)
		case len(l.HeadBlocks) == 1 && l.CompactionBacklog == 0 && len(l.Compactions) == 0:
			return
		case time.Now().After(deadline):
			t.Fatalf("after a minute, the index has %d blocks in memory, and %d to compact", len(l.HeadBlocks), l.CompactionBacklog)
		}
	}
}

// filesIn returns the files of a directory, in order.
func filesIn(disk *vfs.Mem, dir string) (names []string) {
	for _, name := range disk.Files() {
		if filepath.Dir(name) == dir {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func mustCheck(t *testing.T, disk *vfs.Mem) *store.Report {
	t.Helper()
	report, err := store.Check(context.Background(), crashDir, &store.CheckOptions{Options: *smallOptions(disk)})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// statuses returns the status of each invariant that does not hold.
func statuses(r *store.Report) map[string]store.Status {
	out := map[string]store.Status{}
	for _, f := range r.Invariants {
		if f.Status != store.Holds {
			out[f.ID] = f.Status
		}
	}
	return out
}

// mustFindProblems checks a store and compares the invariants that do not hold. Every
// problem must belong to a violated invariant, and every violated invariant must have a
// problem.
func mustFindProblems(t *testing.T, disk *vfs.Mem, want map[string]store.Status) *store.Report {
	t.Helper()
	report := mustCheck(t, disk)
	if have := statuses(report); !maps.Equal(have, want) {
		t.Errorf("found %v, want %v; problems: %+v", have, want, report.Problems)
	}
	reported := map[string]bool{}
	for _, p := range report.Problems {
		reported[p.Invariant] = true
		if want[p.Invariant] != store.Violated || p.File == "" || p.What == "" || p.Remedy == "" {
			t.Errorf("problem %+v", p)
		}
	}
	for id, status := range want {
		if status == store.Violated && !reported[id] {
			t.Errorf("invariant %s is violated and has no problem", id)
		}
	}
	return report
}

const violated, notReached = store.Violated, store.NotReached

func TestInvariantsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "durability.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range store.Invariants() {
		if i.ID == "" || i.Verifies == "" || i.Means == "" || i.Remedy == "" || i.Unit == "" {
			t.Errorf("invariant %+v", i)
		}
		if row := fmt.Sprintf("| `%s` | %s | %s |", i.ID, i.Verifies, i.Means); !strings.Contains(string(page), row) {
			t.Errorf("docs/durability.md does not contain %s", row)
		}
	}
}

func TestCheckCoversEveryInvariant(t *testing.T) {
	report := mustFindProblems(t, newFilledDisk(t), nil)
	for _, f := range report.Invariants {
		if f.Examined == 0 {
			t.Errorf("nothing was checked for invariant %s", f.ID)
		}
	}
	if report.Events != 120 || report.Segments < 4 || report.Blocks < 2 || report.Sources != 1 {
		t.Errorf("report %+v", report)
	}
}

// One report contains all corruption, because the check continues after each.
func TestCheckContinuesAfterCorruption(t *testing.T) {
	disk := newFilledDisk(t)
	valid := mustCheck(t, disk)
	segments, blocks := filesIn(disk, "/store/log"), filesIn(disk, "/store/index")
	if len(segments) < 6 || len(blocks) < 2 {
		t.Fatalf("there are %d segments and %d blocks", len(segments), len(blocks))
	}
	for _, name := range []string{segments[0], segments[3], segments[len(segments)-1], blocks[len(blocks)-1]} {
		flipBit(t, disk, name, 150)
	}
	report := mustFindProblems(t, disk, map[string]store.Status{
		"groups": violated, "records": notReached, "tracking": notReached,
		"blocks": violated, "end": notReached, "index": notReached,
	})
	var files []string
	for _, p := range report.Problems {
		files = append(files, p.File)
	}
	slices.Sort(files)
	want := []string{segments[0], segments[3], segments[len(segments)-1], blocks[len(blocks)-1]}
	slices.Sort(want)
	if !slices.Equal(files, want) {
		t.Errorf("the corruption is in %v, want %v", files, want)
	}
	if report.Events < valid.Events/2 || report.Events >= valid.Events {
		t.Errorf("%d of %d events were checked", report.Events, valid.Events)
	}
}

// Corruption in one segment, other than the last, does not affect the others.
func TestCheckFindsCorruptSegment(t *testing.T) {
	disk := newFilledDisk(t)
	valid := mustCheck(t, disk)
	segments := filesIn(disk, "/store/log")
	for _, name := range segments[:len(segments)-1] {
		for at := int64(80); at < fileSize(t, disk, name); at += 97 {
			flipBit(t, disk, name, at)
			report := mustCheck(t, disk)
			if len(report.Problems) != 1 || report.Problems[0].Invariant != "groups" || report.Problems[0].File != name {
				t.Errorf("byte %d of %s: problems %+v", at, name, report.Problems)
			}
			if lost := valid.Events - report.Events; lost == 0 || lost > 30 {
				t.Errorf("byte %d of %s: %d events were not checked", at, name, lost)
			}
			flipBit(t, disk, name, at)
		}
	}
	mustFindProblems(t, disk, nil)
}

func TestCheckNamesViolatedInvariant(t *testing.T) {
	everythingElse := func(id string) map[string]store.Status {
		want := map[string]store.Status{}
		for _, i := range store.Invariants() {
			want[i.ID] = notReached
		}
		want[id] = violated
		return want
	}
	for name, c := range map[string]struct {
		corrupt func(t *testing.T, disk *vfs.Mem)
		want    map[string]store.Status
	}{
		"segment header": {
			func(t *testing.T, disk *vfs.Mem) { flipBit(t, disk, filesIn(disk, "/store/log")[2], 40) },
			everythingElse("segments"),
		},
		"missing segment": {
			func(t *testing.T, disk *vfs.Mem) { remove(t, disk, filesIn(disk, "/store/log")[2]) },
			everythingElse("segments"),
		},
		"missing log": {
			func(t *testing.T, disk *vfs.Mem) { remove(t, disk, filesIn(disk, "/store/log")...) },
			everythingElse("segments"),
		},
		"page of a block": {
			func(t *testing.T, disk *vfs.Mem) { flipBit(t, disk, filesIn(disk, "/store/index")[0], 3*4096) },
			map[string]store.Status{"blocks": violated, "index": notReached},
		},
		"lost end": {
			func(t *testing.T, disk *vfs.Mem) {
				segments := filesIn(disk, "/store/log")
				remove(t, disk, append(segments[len(segments)-3:], "/store/HEAD")...)
			},
			map[string]store.Status{"end": violated, "index": notReached},
		},
		"lost end that was announced": {
			func(t *testing.T, disk *vfs.Mem) {
				segments := filesIn(disk, "/store/log")
				remove(t, disk, segments[len(segments)-3:]...)
			},
			map[string]store.Status{"groups": violated, "end": notReached, "records": notReached, "tracking": notReached, "index": notReached},
		},
		"invalid event": {
			func(t *testing.T, disk *vfs.Mem) { appendForged(t, disk, 1, []byte{0xff, 0xff, 0xff}) },
			map[string]store.Status{"records": violated},
		},
		"wrong position": {
			func(t *testing.T, disk *vfs.Mem) {
				appendForged(t, disk, 1, record.AppendEventRecord(nil, 9999, nil, nil))
			},
			map[string]store.Status{"records": violated},
		},
		"decreasing tracking position": {
			func(t *testing.T, disk *vfs.Mem) {
				back := record.AppendTracking([]byte{}, &dcb.TrackingInfo{Source: "upstream", Position: 6})
				appendForged(t, disk, 0, record.AppendTrackingRecord(nil, back))
			},
			map[string]store.Status{"tracking": violated},
		},
		"block that differs from the log": {
			dropTerms,
			map[string]store.Status{"index": violated},
		},
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFilledDisk(t)
			c.corrupt(t, disk)
			mustFindProblems(t, disk, c.want)
		})
	}
}

func remove(t *testing.T, disk *vfs.Mem, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := disk.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// openDir opens a directory, and creates it if it does not exist.
func openDir(t *testing.T, disk *vfs.Mem, path string) vfs.Dir {
	t.Helper()
	if err := disk.MkdirAll(path); err != nil {
		t.Fatal(err)
	}
	d, err := disk.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// appendForged appends a group with a payload that no store would write.
func appendForged(t *testing.T, disk *vfs.Mem, count int, payload []byte) {
	t.Helper()
	log, appender, writer, err := eventlog.Open(openDir(t, disk, "/store/log"), eventlog.Options{SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := appender.Reserve(0, len(payload)); err != nil {
		t.Fatal(err)
	}
	sealed := appender.Seal(append(make([]byte, eventlog.GroupPrefix), payload...), eventlog.KindRecords, count, 1)
	if err := writer.Write(sealed); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(appender, writer); err != nil {
		t.Fatal(err)
	}
}

// dropTerms rewrites the first block without its terms, with valid checksums.
func dropTerms(t *testing.T, disk *vfs.Mem) {
	rewriteBlock(t, disk, func(*index.Span, *[]index.Location) {})
}

// rewriteBlock writes the first block again, without terms, and with the header and the
// locations as changed by change.
func rewriteBlock(t *testing.T, disk *vfs.Mem, change func(*index.Span, *[]index.Location)) {
	t.Helper()
	log, _, _, err := eventlog.Open(openDir(t, disk, "/store/log"), eventlog.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(nil, nil)
	name := filepath.Base(filesIn(disk, "/store/index")[0])
	cache := index.NewCache(1 << 20)
	old, err := index.OpenBlock(openDir(t, disk, "/store/index"), name, log.ID(), cache)
	if err != nil {
		t.Fatal(err)
	}
	locations, err := old.Locations(nil, old.First, int(old.Events))
	if err != nil {
		t.Fatal(err)
	}
	span := old.Span
	change(&span, &locations)
	head := index.NewHeadBlock(index.NewHasher(log.ID()), span.First, 0)
	for i, location := range locations {
		head.AddEvent(location, nil)
		if position := head.First() + uint64(i); position >= old.First && position < old.Next() {
			times, err := old.Times(nil, []uint64{position})
			if err != nil {
				t.Fatal(err)
			}
			head.AddTime(position, times[0])
		} else {
			head.AddTime(position, 0)
		}
	}
	builder := index.Builder{Dir: openDir(t, disk, "/store/index"), Store: log.ID(), Cache: cache, Temp: "false.tmp"}
	block, err := builder.Flush(head, span)
	if err != nil {
		t.Fatal(err)
	}
	if block.Close() != nil || old.Close() != nil {
		t.Fatal("cannot close a block")
	}
}
