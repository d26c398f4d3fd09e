package store_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// A block with valid checksums may have wrong times.
func TestCheckFindsWrongTimes(t *testing.T) {
	const page, row = 4096, 12
	for name, change := range map[string]func(block, times []byte){
		"another time":     func(_, times []byte) { times[4]++ },
		"another group":    func(_, times []byte) { times[row]++ },
		"a group too many": func(block, times []byte) { copy(times[row:], times[:row]); times[row]++; block[112]++ },
	} {
		disk := newFilledDisk(t)
		file := filesIn(disk, "/store/index")[0]
		block := content(t, disk, file)
		first := 1 + int(binary.LittleEndian.Uint32(block[88:])) + int(binary.LittleEndian.Uint32(block[92:]))
		if n := block[112]; n < 2 && name == "another group" {
			t.Fatalf("the block has %d times", n)
		}
		change(block, block[first*page:])
		mendBlock(block)
		writeFile(t, disk, file, block)
		report := mustCheck(t, disk)
		if len(report.Problems) != 1 || report.Problems[0].Invariant != "index" || !strings.Contains(report.Problems[0].What, "commit times") {
			t.Errorf("%s: the check reports %+v", name, report.Problems)
		}
	}
}

// A lookup of a time finds a corrupt page, and the block is rebuilt.
func TestCorruptTimesAreRebuilt(t *testing.T) {
	disk := newFilledDisk(t)
	file := filesIn(disk, "/store/index")[0]
	block := content(t, disk, file)
	first := 1 + int64(binary.LittleEndian.Uint32(block[88:])) + int64(binary.LittleEndian.Uint32(block[92:]))
	flipBit(t, disk, file, first*4096+5)
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PositionAt(t.Context(), time.Unix(0, 1)); !errors.Is(err, dcb.ErrCorruption) {
		t.Errorf("with a corrupt page: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); err == nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, corrupt := s.PositionAt(t.Context(), time.Unix(0, 1)); corrupt == nil {
			break
		}
	}
	store.MustHaveTimes(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, "rebuilt", disk)
}
