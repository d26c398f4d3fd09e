package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// version1 returns an index block as version 1 of the format had it: without times.
func version1(block []byte) []byte {
	const page = 4096
	number := func(at int) int { return int(binary.LittleEndian.Uint32(block[at:])) }
	times := 1 + number(88) + number(92)
	old := bytes.Clone(block[:times*page])
	old = append(old, block[(times+(number(112)+340)/341)*page:]...)
	copy(old[8:], le(4, 1))
	copy(old[112:], le(4, 0))
	mendBlock(old)
	return old
}

// mendBlock corrects the checksums of all pages of an index block.
func mendBlock(block []byte) {
	const page = 4096
	for n := range len(block) / page {
		payload := block[n*page:][:page-4]
		sum := crc(block[16:32], block[32:40], block[40:48], le(8, uint64(n)), payload)
		if n == 0 {
			sum = crc(payload)
		}
		copy(block[n*page+page-4:], le(4, sum))
	}
}

// newOutdatedDisk returns a disk with a store whose index is of version 1.
func newOutdatedDisk(t *testing.T) *vfs.Mem {
	t.Helper()
	disk := newFilledDisk(t)
	blocks := filesIn(disk, "/store/index")
	if len(blocks) < 3 {
		t.Fatalf("there are only %d blocks", len(blocks))
	}
	for _, name := range blocks {
		writeFile(t, disk, name, version1(content(t, disk, name)))
	}
	return disk
}

// loggingOptions returns options with a logger that writes into a buffer.
func loggingOptions(disk vfs.FS) (*store.Options, *bytes.Buffer) {
	logged := new(bytes.Buffer)
	options := smallOptions(disk)
	options.Logger = slog.New(slog.NewTextHandler(logged, nil))
	return options, logged
}

func TestIndexOfVersion1IsRebuilt(t *testing.T) {
	disk := newOutdatedDisk(t)
	before := mustCheck(t, disk)
	if before.Outdated != len(filesIn(disk, "/store/index")) || before.Blocks != 0 || len(before.Problems) > 0 {
		t.Errorf("before, the check reports %+v", before)
	}
	options, logged := loggingOptions(disk)
	s, err := store.Open(crashDir, options)
	if err != nil {
		t.Fatal(err)
	}
	mustBeConsistent(t, s)
	store.MustHaveTimes(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(logged.String(), "older format"); n != 1 || strings.Contains(logged.String(), "level=WARN") {
		t.Errorf("%d messages about the older format in %s", n, logged)
	}
	if after := mustCheck(t, disk); after.Outdated != 0 || after.Blocks == 0 || len(after.Problems) > 0 {
		t.Errorf("afterwards, the check reports %+v", after)
	}
}

// An index of version 1 also shows that the end of the log is lost.
func TestOutdatedIndexBeyondTheLogIsCorruption(t *testing.T) {
	disk := newOutdatedDisk(t)
	segments := filesIn(disk, "/store/log")
	remove(t, disk, append(segments[len(segments)/2:], "/store/HEAD")...)
	if _, err := store.Open(crashDir, smallOptions(disk)); !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), "the index contains group") {
		t.Errorf("opening: %v", err)
	}
	if report := mustCheck(t, disk); onlyTrackingProblems(report) {
		t.Error("the check finds no problem")
	}
}

// A reader beside a writer of an older program reads the log.
func TestReaderWithIndexOfVersion1ReadsTheLog(t *testing.T) {
	disk := newOutdatedDisk(t)
	s, err := store.Open(crashDir, readOnlyOptions(t, disk, 1000))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustBeConsistent(t, s)
	store.MustHaveTimes(t, s)
}

// A writer of an older program adds and compacts blocks. A reader continues without reading the
// log again, until the index has the present format.
func TestReaderWaitsForAnIndexOfThePresentFormat(t *testing.T) {
	disk := newFilledDisk(t)
	present := map[string][]byte{}
	blocks := filesIn(disk, "/store/index")
	for _, name := range blocks {
		present[name] = content(t, disk, name)
		writeFile(t, disk, name, version1(present[name]))
	}
	options, logged := loggingOptions(disk)
	options.ReadOnly, options.BlockEvents = true, 1000
	s, err := store.Open(crashDir, options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := func(when string, want bool) {
		t.Helper()
		if reloaded, err := s.CheckIndex(t.Context()); err != nil || reloaded != want {
			t.Errorf("%s, the blocks were opened again: %t, error %v", when, reloaded, err)
		}
		mustBeConsistent(t, s)
	}
	check("beside an index of version 1", false)
	last := blocks[len(blocks)-1]
	remove(t, disk, last)
	check("after a block was removed", false)
	writeFile(t, disk, last, version1(present[last]))
	check("after a block was added", false)
	remove(t, disk, blocks...)
	check("without any block", false)
	for _, name := range blocks {
		writeFile(t, disk, name, present[name])
	}
	check("beside an index of the present version", true)
	check("after that", false)
	if n := strings.Count(logged.String(), "older format"); n != 1 {
		t.Errorf("%d messages about the older format in %s", n, logged)
	}
}

func TestReaderNamesTheOutdatedIndexThatItCannotReplace(t *testing.T) {
	_, err := store.Open(crashDir, readOnlyOptions(t, newOutdatedDisk(t), 3))
	if !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "upgrade the process") {
		t.Errorf("opening: %v", err)
	}
}
