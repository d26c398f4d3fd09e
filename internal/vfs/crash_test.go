package vfs_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

const crashes = 200

// newCrashDisk returns a disk in memory, and a function that returns the disk after a
// power failure.
func newCrashDisk(t *testing.T) (d disk, crash func(seed int) disk) {
	mem := vfs.NewMem()
	d = newDisk(t, mem, "dir")
	return d, func(seed int) disk {
		return newDisk(t, mem.Crash(rand.New(rand.NewPCG(uint64(seed), 0))), "dir")
	}
}

// names returns the entries of a disk in one string.
func (d disk) names() string {
	d.Helper()
	names, err := d.List()
	d.must(err)
	return strings.Join(names, " ")
}

// outcomes counts the results of look after many power failures.
func outcomes(crash func(int) disk, look func(disk) string) map[string]int {
	seen := map[string]int{}
	for seed := range crashes {
		seen[look(crash(seed))]++
	}
	return seen
}

// expect fails unless exactly these outcomes were seen, each at least once.
func expect(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	for outcome := range seen {
		if !slices.Contains(want, outcome) {
			t.Errorf("impossible outcome: %.80q", outcome)
		}
	}
	for _, outcome := range want {
		if seen[outcome] == 0 {
			t.Errorf("outcome never seen: %.80q", outcome)
		}
	}
}

func content(name string) func(disk) string {
	return func(d disk) string { return d.read(d.file(d.Open(name))) }
}

func TestSyncedWritesSurviveCrash(t *testing.T) {
	d, crash := newCrashDisk(t)
	f := d.createFile("a", "text")
	d.must(f.Sync())
	d.must(d.Sync())
	d.write(f, 1, "EX")
	d.must(f.Sync())
	expect(t, outcomes(crash, content("a")), "tEXt")
}

func TestSyncedLengthsSurviveCrash(t *testing.T) {
	d, crash := newCrashDisk(t)
	f := d.createFile("a", "text")
	d.must(f.Truncate(2))
	d.must(f.Allocate(0, 5))
	d.must(f.Sync())
	d.must(d.Sync())
	expect(t, outcomes(crash, content("a")), "te"+zeros(3))
}

func TestUnsyncedSectorsSurviveInAnyCombination(t *testing.T) {
	d, crash := newCrashDisk(t)
	old, fresh := strings.Repeat("o", 1536), strings.Repeat("n", 512)
	f := d.createFile("a", old)
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

func TestEitherOfTwoWritesToOneSectorMaySurvive(t *testing.T) {
	d, crash := newCrashDisk(t)
	f := d.createFile("a", "....")
	d.must(f.Sync())
	d.must(d.Sync())
	d.write(f, 0, "ab")
	d.write(f, 1, "cd")
	expect(t, outcomes(crash, content("a")), "....", "ab..", ".cd.", "acd.")
}

func TestUnsyncedLengthsSurviveOneByOne(t *testing.T) {
	d, crash := newCrashDisk(t)
	f := d.createFile("a", "text")
	d.must(f.Sync())
	d.must(d.Sync())
	d.must(f.Truncate(2))
	d.must(f.Truncate(3))
	expect(t, outcomes(crash, content("a")), "text", "te", "tex", "te"+zeros(1))
}

func TestOldContentMaySurviveUnsyncedCreate(t *testing.T) {
	d, crash := newCrashDisk(t)
	d.must(d.createFile("a", "text").Sync())
	d.must(d.Sync())
	d.createFile("a", "ab")
	expect(t, outcomes(crash, content("a")), "text", "", "abxt", "ab")
}

func TestDirectoryChangesSurviveInOrder(t *testing.T) {
	d, crash := newCrashDisk(t)
	d.createFile("a", "")
	d.must(d.Sync())
	d.createFile("b", "")
	d.must(d.Rename("b", "c"))
	d.must(d.Remove("a"))
	expect(t, outcomes(crash, disk.names), "a", "a b", "a c", "c")
}

func TestDirectorySyncKeepsNamesAndFileSyncKeepsContent(t *testing.T) {
	d, crash := newCrashDisk(t)
	d.must(d.createFile("a", "text").Sync())
	expect(t, outcomes(crash, disk.names), "", "a")
	d.must(d.Sync())
	d.createFile("b", "text")
	d.must(d.Sync())
	expect(t, outcomes(crash, disk.names), "a b")
	expect(t, outcomes(crash, content("a")), "text")
	expect(t, outcomes(crash, content("b")), "", "text")
}

func TestSyncedRemoveIsNotReverted(t *testing.T) {
	d, crash := newCrashDisk(t)
	d.createFile("a", "")
	d.must(d.Sync())
	d.must(d.Remove("a"))
	d.must(d.Sync())
	d.createFile("b", "")
	expect(t, outcomes(crash, disk.names), "", "b")
}

func TestDirectoriesAreDurableAtOnce(t *testing.T) {
	d, crash := newCrashDisk(t)
	d.must(d.fs.MkdirAll(d.pathOf("x/y")))
	expect(t, outcomes(crash, disk.names), "x")
}

func TestCrashIsDeterministicForASeed(t *testing.T) {
	d, crash := newCrashDisk(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		d.write(d.createFile(name, strings.Repeat(name, 5000)), 700, name)
	}
	images := map[string]bool{}
	for seed := range 20 {
		first, again := image(crash(seed)), image(crash(seed))
		if first != again {
			t.Errorf("seed %d produces different images", seed)
		}
		images[first] = true
	}
	if len(images) < 15 {
		t.Errorf("20 seeds produce only %d different images", len(images))
	}
}

// image returns the paths and contents of all files.
func image(d disk) string {
	var all strings.Builder
	mem := d.fs.(*vfs.Mem)
	for _, path := range mem.Files() {
		all.WriteString(path + ":" + d.read(d.file(mem.Open(path))) + "\n")
	}
	return all.String()
}

func TestCrashReleasesLocksAndDoesNotChangeTheOriginal(t *testing.T) {
	d, crash := newCrashDisk(t)
	if _, err := d.Lock("LOCK"); err != nil {
		t.Fatal(err)
	}
	f := d.createFile("a", "text")
	d.must(f.Sync())
	d.must(d.Sync())
	after := crash(1)
	if _, err := after.Lock("LOCK"); err != nil {
		t.Errorf("the lock is still held: %v", err)
	}
	after.write(after.file(after.OpenWrite("a")), 0, "next")
	d.checkContent("a", "text")
	after.checkContent("a", "next")
}

func TestImageAfterCrashIsDurable(t *testing.T) {
	d, crash := newCrashDisk(t)
	d.write(d.createFile("a", strings.Repeat("x", 3000)), 9000, "y")
	for seed := range 20 {
		once := crash(seed)
		again := newDisk(t, once.fs.(*vfs.Mem).Crash(rand.New(rand.NewPCG(99, 0))), "dir")
		if image(once) != image(again) {
			t.Errorf("seed %d: a second crash changes the image", seed)
		}
	}
}

func TestMemFilesAndTotalBytes(t *testing.T) {
	d, _ := newCrashDisk(t)
	d.createFile("b", "text")
	newDisk(t, d.fs, "dir/sub").createFile("a", "abc")
	mem := d.fs.(*vfs.Mem)
	if files := mem.Files(); !slices.Equal(files, []string{"dir/b", "dir/sub/a"}) {
		t.Errorf("Files() = %q", files)
	}
	if n := mem.TotalBytes(); n != 7 {
		t.Errorf("TotalBytes() = %d, want 7", n)
	}
}

// A process that is killed loses nothing that it has written, synced or not.
func TestKillKeepsEverything(t *testing.T) {
	mem := vfs.NewMem()
	d := newDisk(t, mem, "dir")
	f, err := d.Create("a")
	d.must(err)
	_, err = f.WriteAt([]byte("content"), 3)
	d.must(err)
	d.must(d.Rename("a", "b"))
	killed := mem.Kill()
	_, err = f.WriteAt([]byte("later"), 0)
	d.must(err)
	for _, image := range []*vfs.Mem{killed, killed.Crash(rand.New(rand.NewPCG(1, 1)))} {
		after := newDisk(t, image, "dir")
		if names := after.names(); names != "b" {
			t.Errorf("the files are %q", names)
		}
		g, err := after.Open("b")
		after.must(err)
		content := make([]byte, 10)
		_, err = g.ReadAt(content, 0)
		after.must(err)
		if string(content) != "\x00\x00\x00content" {
			t.Errorf("the file contains %q", content)
		}
	}
}
