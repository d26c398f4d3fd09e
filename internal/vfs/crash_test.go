package vfs_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

const crashes = 200

// powered gives a disk in memory, and what it is after a power cut.
func powered(t *testing.T) (d disk, crash func(seed int) disk) {
	mem := vfs.NewMem()
	d = newDisk(t, mem, "dir")
	return d, func(seed int) disk {
		return newDisk(t, mem.Crash(rand.New(rand.NewPCG(uint64(seed), 0))), "dir")
	}
}

// names gives the entries of a disk as one text.
func (d disk) names() string {
	d.Helper()
	names, err := d.List()
	d.must(err)
	return strings.Join(names, " ")
}

// outcomes counts what many power cuts leave, as look tells it.
func outcomes(crash func(int) disk, look func(disk) string) map[string]int {
	seen := map[string]int{}
	for seed := range crashes {
		seen[look(crash(seed))]++
	}
	return seen
}

// expect fails unless just these outcomes were seen, each of them.
func expect(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	for outcome := range seen {
		if !slices.Contains(want, outcome) {
			t.Errorf("this cannot be left: %.80q", outcome)
		}
	}
	for _, outcome := range want {
		if seen[outcome] == 0 {
			t.Errorf("this is never left: %.80q", outcome)
		}
	}
}

func content(name string) func(disk) string {
	return func(d disk) string { return d.read(d.file(d.Open(name))) }
}

func TestWhatWasSyncedSurvivesACrash(t *testing.T) {
	d, crash := powered(t)
	f := d.make("a", "text")
	d.must(f.Sync())
	d.must(d.Sync())
	d.write(f, 1, "EX")
	d.must(f.Sync())
	expect(t, outcomes(crash, content("a")), "tEXt")
}

func TestSyncedCutsAndLengthsSurviveACrash(t *testing.T) {
	d, crash := powered(t)
	f := d.make("a", "text")
	d.must(f.Truncate(2))
	d.must(f.Allocate(0, 5))
	d.must(f.Sync())
	d.must(d.Sync())
	expect(t, outcomes(crash, content("a")), "te"+zeros(3))
}

func TestSectorsSurviveInAnyCombination(t *testing.T) {
	d, crash := powered(t)
	old, fresh := strings.Repeat("o", 1536), strings.Repeat("n", 512)
	f := d.make("a", old)
	d.must(f.Sync())
	d.must(d.Sync())
	d.write(f, 256, fresh+fresh) // parts of three sectors
	var want []string
	for kept := range 8 {
		image := []byte(old)
		for i, sector := range [][2]int{{256, 512}, {512, 1024}, {1024, 1280}} {
			if kept&(1<<i) != 0 {
				copy(image[sector[0]:sector[1]], fresh)
			}
		}
		want = append(want, string(image))
	}
	expect(t, outcomes(crash, content("a")), want...)
}

func TestOfTwoWritesToASectorEitherMaySurvive(t *testing.T) {
	d, crash := powered(t)
	f := d.make("a", "....")
	d.must(f.Sync())
	d.must(d.Sync())
	d.write(f, 0, "ab")
	d.write(f, 1, "cd")
	expect(t, outcomes(crash, content("a")), "....", "ab..", ".cd.", "acd.")
}

func TestChangesOfLengthSurviveOneByOne(t *testing.T) {
	d, crash := powered(t)
	f := d.make("a", "text")
	d.must(f.Sync())
	d.must(d.Sync())
	d.must(f.Truncate(2))
	d.must(f.Truncate(3))
	expect(t, outcomes(crash, content("a")), "text", "te", "tex", "te"+zeros(1))
}

func TestAFileThatIsEmptiedAgainMaySurviveAsItWas(t *testing.T) {
	d, crash := powered(t)
	d.must(d.make("a", "text").Sync())
	d.must(d.Sync())
	d.make("a", "ab")
	expect(t, outcomes(crash, content("a")), "text", "", "abxt", "ab")
}

func TestChangesOfADirectorySurviveInTheirOrder(t *testing.T) {
	d, crash := powered(t)
	d.make("a", "")
	d.must(d.Sync())
	d.make("b", "")
	d.must(d.Rename("b", "c"))
	d.must(d.Remove("a"))
	expect(t, outcomes(crash, disk.names), "a", "a b", "a c", "c")
}

func TestSyncDirKeepsNamesAndSyncKeepsContent(t *testing.T) {
	d, crash := powered(t)
	d.must(d.make("a", "text").Sync())
	expect(t, outcomes(crash, disk.names), "", "a")
	d.must(d.Sync())
	d.make("b", "text")
	d.must(d.Sync())
	expect(t, outcomes(crash, disk.names), "a b")
	expect(t, outcomes(crash, content("a")), "text")
	expect(t, outcomes(crash, content("b")), "", "text")
}

func TestWhatWasSyncedIsNotUndone(t *testing.T) {
	d, crash := powered(t)
	d.make("a", "")
	d.must(d.Sync())
	d.must(d.Remove("a"))
	d.must(d.Sync())
	d.make("b", "")
	expect(t, outcomes(crash, disk.names), "", "b")
}

func TestDirectoriesAreDurableAtOnce(t *testing.T) {
	d, crash := powered(t)
	d.must(d.fs.MkdirAll(d.below("x/y")))
	expect(t, outcomes(crash, disk.names), "x")
}

func TestTheSameSeedLeavesTheSame(t *testing.T) {
	d, crash := powered(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		d.write(d.make(name, strings.Repeat(name, 5000)), 700, name)
	}
	images := map[string]bool{}
	for seed := range 20 {
		first, again := image(crash(seed)), image(crash(seed))
		if first != again {
			t.Errorf("seed %d leaves different things", seed)
		}
		images[first] = true
	}
	if len(images) < 15 {
		t.Errorf("20 seeds leave only %d different things", len(images))
	}
}

// image is all that a disk holds.
func image(d disk) string {
	var all strings.Builder
	mem := d.fs.(*vfs.Mem)
	for _, path := range mem.Files() {
		all.WriteString(path + ":" + d.read(d.file(mem.Open(path))) + "\n")
	}
	return all.String()
}

func TestACrashFreesLocksAndLeavesTheOldMachineAlone(t *testing.T) {
	d, crash := powered(t)
	if _, err := d.Lock("LOCK"); err != nil {
		t.Fatal(err)
	}
	f := d.make("a", "text")
	d.must(f.Sync())
	d.must(d.Sync())
	after := crash(1)
	if _, err := after.Lock("LOCK"); err != nil {
		t.Errorf("the lock is held still: %v", err)
	}
	after.write(after.file(after.OpenWrite("a")), 0, "next")
	d.holds("a", "text")
	after.holds("a", "next")
}

func TestWhatACrashLeftIsDurable(t *testing.T) {
	d, crash := powered(t)
	d.write(d.make("a", strings.Repeat("x", 3000)), 9000, "y")
	for seed := range 20 {
		once := crash(seed)
		again := newDisk(t, once.fs.(*vfs.Mem).Crash(rand.New(rand.NewPCG(99, 0))), "dir")
		if image(once) != image(again) {
			t.Errorf("seed %d: a second crash leaves something else", seed)
		}
	}
}

func TestMemTellsItsFilesAndTheirBytes(t *testing.T) {
	d, _ := powered(t)
	d.make("b", "text")
	newDisk(t, d.fs, "dir/sub").make("a", "abc")
	mem := d.fs.(*vfs.Mem)
	if files := mem.Files(); !slices.Equal(files, []string{"dir/b", "dir/sub/a"}) {
		t.Errorf("the files are %q", files)
	}
	if n := mem.TotalBytes(); n != 7 {
		t.Errorf("they have %d bytes", n)
	}
}
