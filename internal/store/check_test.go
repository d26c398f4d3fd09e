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

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// filled gives the disk of a closed store of 40 appends over some segments.
func filled(t *testing.T) *vfs.Mem {
	t.Helper()
	s, _, disk := faulty(t)
	for i := range 40 {
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	if _, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "upstream", Position: 7}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

// within gives the files of a folder, in order.
func within(disk *vfs.Mem, folder string) (names []string) {
	for _, name := range disk.Files() {
		if filepath.Dir(name) == folder {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func checked(t *testing.T, disk *vfs.Mem) *store.Report {
	t.Helper()
	report, err := store.Check(context.Background(), crashDir, &store.CheckOptions{Options: *tiny(disk)})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// verdicts gives what came out for each invariant that does not hold.
func verdicts(r *store.Report) map[string]store.Verdict {
	out := map[string]store.Verdict{}
	for _, f := range r.Invariants {
		if f.Verdict != store.Holds {
			out[f.ID] = f.Verdict
		}
	}
	return out
}

// mustFind checks a store and compares which invariants do not hold. Each problem
// must be of one that is damaged, and each of those have a problem.
func mustFind(t *testing.T, disk *vfs.Mem, want map[string]store.Verdict) *store.Report {
	t.Helper()
	report := checked(t, disk)
	if have := verdicts(report); !maps.Equal(have, want) {
		t.Errorf("found %v, want %v; problems: %+v", have, want, report.Problems)
	}
	damaged := map[string]bool{}
	for _, p := range report.Problems {
		damaged[p.Invariant] = true
		if want[p.Invariant] != store.Violated || p.File == "" || p.What == "" || p.Remedy == "" {
			t.Errorf("problem %+v", p)
		}
	}
	for id, verdict := range want {
		if verdict == store.Violated && !damaged[id] {
			t.Errorf("%s is damaged and has no problem", id)
		}
	}
	return report
}

const violated, notReached = store.Violated, store.NotReached

func TestInvariantsAreExplained(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "durability.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range store.Invariants() {
		if i.ID == "" || i.Verifies == "" || i.Means == "" || i.Remedy == "" || i.Unit == "" {
			t.Errorf("invariant %+v", i)
		}
		if row := fmt.Sprintf("| `%s` | %s | %s |", i.ID, i.Verifies, i.Means); !strings.Contains(string(page), row) {
			t.Errorf("docs/durability.md does not say %s", row)
		}
	}
}

func TestEveryInvariantOfASoundStoreIsLookedAt(t *testing.T) {
	report := mustFind(t, filled(t), nil)
	for _, f := range report.Invariants {
		if f.Examined == 0 {
			t.Errorf("of %s nothing was looked at", f.ID)
		}
	}
	if report.Events != 120 || report.Segments < 4 || report.Blocks < 2 || report.Sources != 1 {
		t.Errorf("report %+v", report)
	}
}

// One report shows all damage: behind each, the check goes on.
func TestCheckGoesOnBehindDamage(t *testing.T) {
	disk := filled(t)
	sound := checked(t, disk)
	segments, blocks := within(disk, "/store/log"), within(disk, "/store/index")
	if len(segments) < 6 || len(blocks) < 2 {
		t.Fatalf("there are %d segments and %d blocks", len(segments), len(blocks))
	}
	for _, name := range []string{segments[0], segments[3], segments[len(segments)-1], blocks[len(blocks)-1]} {
		flip(t, disk, name, 150)
	}
	report := mustFind(t, disk, map[string]store.Verdict{
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
		t.Errorf("the damage is in %v, want %v", files, want)
	}
	if report.Events < sound.Events/2 || report.Events >= sound.Events {
		t.Errorf("%d of %d events were looked at", report.Events, sound.Events)
	}
}

// Each segment but the last alone is damaged, at some place: the others are looked at.
func TestCheckFindsOneDamagedSegmentAmongMany(t *testing.T) {
	disk := filled(t)
	sound := checked(t, disk)
	segments := within(disk, "/store/log")
	for _, name := range segments[:len(segments)-1] {
		for at := int64(80); at < size(t, disk, name); at += 97 {
			flip(t, disk, name, at)
			report := checked(t, disk)
			if len(report.Problems) != 1 || report.Problems[0].Invariant != "groups" || report.Problems[0].File != name {
				t.Errorf("byte %d of %s: problems %+v", at, name, report.Problems)
			}
			if lost := sound.Events - report.Events; lost == 0 || lost > 30 {
				t.Errorf("byte %d of %s: %d events were not looked at", at, name, lost)
			}
			flip(t, disk, name, at)
		}
	}
	mustFind(t, disk, nil)
}

func TestCheckNamesTheInvariant(t *testing.T) {
	everythingElse := func(id string) map[string]store.Verdict {
		want := map[string]store.Verdict{}
		for _, i := range store.Invariants() {
			want[i.ID] = notReached
		}
		want[id] = violated
		return want
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, disk *vfs.Mem)
		want   map[string]store.Verdict
	}{
		"a segment's header": {
			func(t *testing.T, disk *vfs.Mem) { flip(t, disk, within(disk, "/store/log")[2], 40) },
			everythingElse("segments"),
		},
		"a missing segment": {
			func(t *testing.T, disk *vfs.Mem) { remove(t, disk, within(disk, "/store/log")[2]) },
			everythingElse("segments"),
		},
		"a missing log": {
			func(t *testing.T, disk *vfs.Mem) { remove(t, disk, within(disk, "/store/log")...) },
			everythingElse("segments"),
		},
		"a page of a block": {
			func(t *testing.T, disk *vfs.Mem) { flip(t, disk, within(disk, "/store/index")[0], 3*4096) },
			map[string]store.Verdict{"blocks": violated, "index": notReached},
		},
		"a lost end": {
			func(t *testing.T, disk *vfs.Mem) {
				segments := within(disk, "/store/log")
				remove(t, disk, segments[len(segments)-3:]...)
			},
			map[string]store.Verdict{"end": violated, "index": notReached},
		},
		"an event that is none": {
			func(t *testing.T, disk *vfs.Mem) { forge(t, disk, 1, []byte{0xff, 0xff, 0xff}) },
			map[string]store.Verdict{"records": violated},
		},
		"a position out of place": {
			func(t *testing.T, disk *vfs.Mem) { forge(t, disk, 1, encoding.AppendEventRecord(nil, 9999, nil, nil)) },
			map[string]store.Verdict{"records": violated},
		},
		"tracking that goes back": {
			func(t *testing.T, disk *vfs.Mem) {
				back := encoding.AppendTracking([]byte{}, &dcb.TrackingInfo{Source: "upstream", Position: 6})
				forge(t, disk, 0, encoding.AppendTrackingRecord(nil, back))
			},
			map[string]store.Verdict{"tracking": violated},
		},
		"a block that says something else": {
			falsify,
			map[string]store.Verdict{"index": violated},
		},
	} {
		t.Run(name, func(t *testing.T) {
			disk := filled(t)
			c.damage(t, disk)
			mustFind(t, disk, c.want)
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

// held opens a directory, made if need be.
func held(t *testing.T, disk *vfs.Mem, path string) vfs.Dir {
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

// forge appends a group with a payload that no store would write.
func forge(t *testing.T, disk *vfs.Mem, count int, payload []byte) {
	t.Helper()
	log, err := eventlog.Open(held(t, disk, "/store/log"), eventlog.Options{SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Reserve(0, len(payload)); err != nil {
		t.Fatal(err)
	}
	sealed := log.Seal(append(make([]byte, eventlog.GroupPrefix), payload...), eventlog.KindRecords, count, 1)
	if err := log.Write(sealed); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(true); err != nil {
		t.Fatal(err)
	}
}

// falsify writes a block whose checksums are right, and that lacks all terms.
func falsify(t *testing.T, disk *vfs.Mem) {
	rewriteBlock(t, disk, func(*index.Span, *[]index.Location) {})
}

// rewriteBlock writes the first block anew, without terms, and with whatever change
// makes of its header and its locations.
func rewriteBlock(t *testing.T, disk *vfs.Mem, change func(*index.Span, *[]index.Location)) {
	t.Helper()
	log, err := eventlog.Open(held(t, disk, "/store/log"), eventlog.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(false)
	name := filepath.Base(within(disk, "/store/index")[0])
	cache := index.NewCache(1 << 20)
	old, err := index.OpenBlock(held(t, disk, "/store/index"), name, log.ID(), cache)
	if err != nil {
		t.Fatal(err)
	}
	locations, err := old.Locations(nil, old.First, int(old.Events))
	if err != nil {
		t.Fatal(err)
	}
	span := old.Span
	change(&span, &locations)
	memory := index.NewHeadBlock(index.NewHasher(log.ID()), span.First, 0)
	for _, location := range locations {
		memory.AddEvent(location, nil)
	}
	builder := index.Builder{Dir: held(t, disk, "/store/index"), Store: log.ID(), Cache: cache, Temp: "false.tmp"}
	block, err := builder.Flush(memory, span)
	if err != nil {
		t.Fatal(err)
	}
	if block.Close() != nil || old.Close() != nil {
		t.Fatal("a block does not close")
	}
}
