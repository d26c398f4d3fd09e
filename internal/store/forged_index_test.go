package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// An index block with valid checksums may have wrong content.
func TestReadDetectsWrongLocations(t *testing.T) {
	for name, change := range map[string]func(l []index.Location){
		"two events swapped":    func(l []index.Location) { l[0], l[1] = l[1], l[0] },
		"repeated event":        func(l []index.Location) { l[1] = l[0] },
		"two events as one":     func(l []index.Location) { l[0].Size += l[1].Size; l[0].CRC = 0 },
		"offset beyond the log": func(l []index.Location) { l[0].Offset = 1<<40 - 1 },
		"size beyond the log":   func(l []index.Location) { l[0].Size = 1<<24 - 1 },
		"empty event":           func(l []index.Location) { l[0].Size, l[0].CRC = 0, 0 },
		"segment header":        func(l []index.Location) { l[0].Offset, l[0].Size, l[0].CRC = 0, 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFilledDisk(t)
			rewriteBlock(t, disk, func(_ *index.Span, l *[]index.Location) { change(*l) })
			s, err := store.Open(crashDir, smallOptions(disk))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, backwards := range []bool{false, true} {
				events, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{Backwards: backwards}).Collect()
				if !errors.Is(err, dcb.ErrCorruption) {
					t.Errorf("backwards %v: %d events, error %v, want corruption", backwards, len(events), err)
				}
			}
		})
	}
}

// noReadBeyond fails reads at offsets that the operating system cannot represent.
func noReadBeyond(op vfs.Op) error {
	if op.Kind == "read" && (op.Offset < 0 || op.Offset > math.MaxInt64-op.Size) {
		return syscall.EINVAL
	}
	return nil
}

// A block whose header does not match the log is rebuilt.
func TestBlockThatDoesNotMatchLogIsRebuilt(t *testing.T) {
	for name, change := range map[string]func(*index.Span, *[]index.Location){
		"an absurd offset":              func(s *index.Span, _ *[]index.Location) { s.Offset = math.MaxInt64 },
		"an offset in the header":       func(s *index.Span, _ *[]index.Location) { s.Offset = 0 },
		"an absurd segment":             func(s *index.Span, _ *[]index.Location) { s.Base = math.MaxUint64 },
		"another chain":                 func(s *index.Span, _ *[]index.Location) { s.Chain++ },
		"an absurd first position":      func(s *index.Span, _ *[]index.Location) { s.First = math.MaxUint64 - 1 },
		"another first position":        func(s *index.Span, _ *[]index.Location) { s.First++ },
		"a first position that is late": func(s *index.Span, l *[]index.Location) { s.First, *l = s.First+1, (*l)[1:] },
		"a first position that is 0":    func(s *index.Span, _ *[]index.Location) { s.First = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFilledDisk(t)
			rewriteBlock(t, disk, change)
			if len(mustCheck(t, disk).Problems) == 0 {
				t.Error("the check finds no problem")
			}
			logged := new(bytes.Buffer)
			options := smallOptions(vfs.Observe(disk, noReadBeyond))
			options.Logger = slog.New(slog.NewTextHandler(logged, nil))
			s, err := store.Open(crashDir, options)
			if err != nil {
				t.Fatal(err)
			}
			if mustBeConsistent(t, s); !strings.Contains(logged.String(), "level=WARN") {
				t.Errorf("logged %q, want a warning", logged)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			mustBeValid(t, name, disk)
		})
	}
}

func TestDirectoryWithBlockNameIsReplaced(t *testing.T) {
	for name, content := range map[string]string{"empty directory": "", "directory with files": "notes"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			options := &store.Options{BlockEvents: 2}
			s, err := store.Open(dir, options)
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				mustAppend(t, s, "a", 2)
			}
			mustSettle(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			blocks, err := filepath.Glob(filepath.Join(dir, "index", "*.idx"))
			if err != nil || len(blocks) == 0 {
				t.Fatalf("the blocks are %q, %v", blocks, err)
			}
			if err := errors.Join(os.Remove(blocks[0]), os.MkdirAll(filepath.Join(blocks[0], content), 0o700)); err != nil {
				t.Fatal(err)
			}
			s, err = store.Open(dir, options)
			if err != nil {
				t.Fatal(err)
			}
			mustBeConsistent(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			report, err := store.Check(t.Context(), dir, nil)
			if err != nil || len(report.Problems) > 0 {
				t.Errorf("check: %+v, %v", report, err)
			}
			if _, err := os.Stat(filepath.Join(blocks[0]+".aside", content)); content != "" && err != nil {
				t.Error(err)
			}
		})
	}
}

// If blocks cover all groups, Open reads no group. It must compare the end of the last
// block with the header of a segment without groups.
func TestEmptyLastSegmentMustContinueIndex(t *testing.T) {
	for name, c := range map[string]struct {
		skipped uint64 // positions
		valid   bool
	}{
		"contiguous": {0, true},
		"with a gap": {7, false},
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFilledDisk(t)
			id, last := lastBlock(t, disk)
			segments := filesIn(disk, "/store/log")
			base := fmt.Sprintf("/store/log/%020d.log", last.Base)
			remove(t, disk, append(segments[slices.Index(segments, base)+1:], "/store/HEAD")...)
			segment := content(t, disk, base)
			end := last.Offset + 64 + int64(binary.LittleEndian.Uint32(segment[last.Offset+48:]))
			writeFile(t, disk, base, segment[:end])
			next := last.Next() + c.skipped
			time := binary.LittleEndian.Uint64(segment[last.Offset+32:])
			writeFile(t, disk, fmt.Sprintf("/store/log/%020d.log", next), forgedHeader(id[:], next, last.Base, last.LastGroup, last.Chain, time))
			if valid := onlyTrackingProblems(mustCheck(t, disk)); valid != c.valid {
				t.Errorf("the check reports a valid store: %v", valid)
			}
			s, err := store.Open(crashDir, smallOptions(disk))
			if c.valid != (err == nil) || err != nil && !errors.Is(err, dcb.ErrCorruption) {
				t.Errorf("opening: %v", err)
			}
			if err == nil {
				mustBeConsistent(t, s)
				s.Close()
			}
		})
	}
}

// lastBlock returns the ID of a store and the span of its last block.
func lastBlock(t *testing.T, disk *vfs.Mem) (id eventlog.StoreID, last index.Span) {
	t.Helper()
	blocks := filesIn(disk, "/store/index")
	header := content(t, disk, blocks[len(blocks)-1])
	number := func(at int) uint64 { return binary.LittleEndian.Uint64(header[at:]) }
	return eventlog.StoreID(header[16:32]), index.Span{
		FirstGroup: number(32), LastGroup: number(40), First: number(48), Events: number(56),
		Base: number(64), Offset: int64(number(72)), Chain: number(80),
	}
}
