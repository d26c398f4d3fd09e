package index_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// varied returns contents that take several pages in each part of a block.
func varied() *contents {
	c := &contents{first: 1, sources: map[string]uint64{"upstream": 7, "other": 8}}
	for i := range 700 {
		c.events = append(c.events, []index.Term{tag("all"), tag(fmt.Sprint(i % 10)), tag(fmt.Sprintf("unique %d", i)), eventType(strings.Repeat("t", i/3))})
	}
	return c
}

func isCorruption(err error, name string) bool {
	var corruption *vfs.CorruptionError
	return errors.As(err, &corruption) && corruption.File == name
}

// countErrors reads everything from a block and returns the number of errors. It fails
// if a result is wrong or an error is not a CorruptionError for the block's file.
func countErrors(t *testing.T, c *contents, block *index.Block) (errs int) {
	t.Helper()
	failed := func(err error) bool {
		if err != nil && !isCorruption(err, block.Name) {
			t.Errorf("the error is %v", err)
		}
		if err != nil {
			errs++
		}
		return err != nil
	}
	for term, positions := range c.postings() {
		for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
			have, err := readPositions(block, term, direction)
			if failed(err) {
				continue
			}
			if direction == index.Backwards {
				slices.Reverse(have)
			}
			if !slices.Equal(have, positions) {
				t.Errorf("%.20q is at %s, want %s", term.Text, short(have), short(positions))
			}
		}
	}
	for i := range c.events {
		position := c.first + uint64(i)
		have, err := block.Locations(nil, position, 1)
		if !failed(err) && have[0] != location(position) {
			t.Errorf("location of position %d = %+v", position, have[0])
		}
	}
	for i := range c.events {
		position := c.first + uint64(i)
		have, err := block.Times(nil, []uint64{position})
		if !failed(err) && have[0] != timeOf(position) {
			t.Errorf("time of position %d = %d", position, have[0])
		}
	}
	for source, position := range c.sources {
		have, known, err := block.Tracking(hasher.Source(source))
		if !failed(err) && (have != position || !known) {
			t.Errorf("source %q is at %d", source, have)
		}
	}
	return errs
}

func readPositions(block *index.Block, term index.Term, direction index.Direction) (positions []uint64, err error) {
	p, _, err := block.Postings(term, direction)
	for key, more := uint64(0), true; err == nil && more; key++ {
		var ok bool
		if key, ok, err = p.Seek(key); !ok {
			break
		}
		more = key != math.MaxUint64
		positions = append(positions, direction.Key(key))
	}
	return positions, err
}

func TestFlippedBitInAnyPageIsDetectedByReadersAndCompaction(t *testing.T) {
	s, c := newBlockDir(t), varied()
	name := c.flush(t, s).Name
	valid := s.readFile(t, name)
	pages := len(valid) / index.PageBytes
	if pages < 10 {
		t.Fatalf("there are only %d pages", pages)
	}
	for page := 1; page < pages; page++ {
		for _, at := range []int{page % 4000, 4090, 4095} {
			wrong := slices.Clone(valid)
			wrong[page*index.PageBytes+at] ^= 1 << (at % 8)
			s.writeFile(t, name, wrong)
			block, err := s.open(name)
			must(t, err)
			if countErrors(t, c, block) == 0 {
				t.Errorf("page %d, byte %d: the corruption is not detected", page, at)
			}
			// Compaction does not read the directory, which is page 1.
			if _, err := s.Compact([]*index.Block{block}); page > 1 && !isCorruption(err, name) {
				t.Errorf("page %d, byte %d: compaction returns %v", page, at, err)
			}
		}
	}
	s.writeFile(t, name, valid)
	block, err := s.open(name)
	must(t, err)
	if n := countErrors(t, c, block); n != 0 {
		t.Errorf("%d reads of a valid block fail", n)
	}
}

func TestFlippedBitInAnyHeaderByteIsCorruption(t *testing.T) {
	s := newBlockDir(t)
	name := spaced(10, 1).flush(t, s).Name
	valid := s.readFile(t, name)
	for at := range index.PageBytes {
		wrong := slices.Clone(valid)
		wrong[at] ^= 1 << (at % 8)
		s.writeFile(t, name, wrong)
		if _, err := s.open(name); !isCorruption(err, name) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func TestUnknownVersionIsNotCorruption(t *testing.T) {
	s := newBlockDir(t)
	name := spaced(10, 1).flush(t, s).Name
	for _, version := range []uint32{0, 3, math.MaxUint32} {
		other := s.readFile(t, name)
		binary.LittleEndian.PutUint32(other[8:], version)
		index.Mend(other)
		s.writeFile(t, name, other)
		_, err := s.open(name)
		if !errors.Is(err, vfs.ErrVersion) || isCorruption(err, name) || !strings.Contains(err.Error(), name) {
			t.Errorf("version %d: the error is %v", version, err)
		}
	}
}

func TestWrongFileSizeIsCorruption(t *testing.T) {
	s := newBlockDir(t)
	name := varied().flush(t, s).Name
	valid := s.readFile(t, name)
	for _, size := range []int{0, 1, 100, index.PageBytes - 1, index.PageBytes, 5*index.PageBytes + 1, len(valid) - index.PageBytes, len(valid) - 1} {
		s.writeFile(t, name, valid[:size])
		if _, err := s.open(name); !isCorruption(err, name) {
			t.Errorf("with %d bytes: %v", size, err)
		}
	}
	s.writeFile(t, name, append(slices.Clone(valid), 0))
	if _, err := s.open(name); !isCorruption(err, name) {
		t.Errorf("with an additional byte: %v", err)
	}
}

func TestTruncatedOpenBlockIsCorruption(t *testing.T) {
	s, c := newBlockDir(t), varied()
	block := c.flush(t, s)
	s.writeFile(t, block.Name, s.readFile(t, block.Name)[:2*index.PageBytes])
	if countErrors(t, c, block) == 0 {
		t.Error("the corruption is not detected")
	}
	if _, err := s.Compact([]*index.Block{block}); !isCorruption(err, block.Name) {
		t.Errorf("compaction returns %v", err)
	}
}

func TestBlockOfAnotherStoreIsCorruption(t *testing.T) {
	s := newBlockDir(t)
	block := spaced(10, 1).flush(t, s)
	if _, err := index.OpenBlock(s.Dir, block.FileName(), [16]byte{1}, index.NewCache(1)); !isCorruption(err, block.Name) {
		t.Errorf("the error is %v", err)
	}
}

func TestRenamedBlockIsCorruption(t *testing.T) {
	s := newBlockDir(t)
	block := spaced(10, 1).flush(t, s)
	other := index.Span{FirstGroup: 1, LastGroup: 2}
	must(t, s.mem.Rename(block.Name, dir+"/"+other.FileName()))
	if _, err := s.open(other.FileName()); !isCorruption(err, dir+"/"+other.FileName()) {
		t.Errorf("the error is %v", err)
	}
}

// Page checksums depend on the page number and the block.
func TestMisplacedPageIsCorruption(t *testing.T) {
	s, c := newBlockDir(t), varied()
	name := c.flush(t, s).Name
	valid := s.readFile(t, name)
	foreign := newBlockDir(t)
	d := varied()
	d.events = d.events[1:]
	other := foreign.readFile(t, d.flush(t, foreign).Name)
	for page := 1; page+1 < len(valid)/index.PageBytes; page++ {
		at := page * index.PageBytes
		for _, wrong := range [][]byte{valid[at+index.PageBytes:][:index.PageBytes], other[at:][:index.PageBytes]} {
			s.writeFile(t, name, slices.Concat(valid[:at], wrong, valid[at+index.PageBytes:]))
			block, err := s.open(name)
			must(t, err)
			if countErrors(t, c, block) == 0 {
				t.Errorf("page %d: the corruption is not detected", page)
			}
		}
	}
}
