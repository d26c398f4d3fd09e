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

// varied is contents that take several pages of each part of a block.
func varied() *contents {
	c := &contents{first: 1, sources: map[string]uint64{"upstream": 7, "other": 8}}
	for i := range 700 {
		c.events = append(c.events, []index.Term{tag("all"), tag(fmt.Sprint(i % 10)), tag(fmt.Sprintf("unique %d", i)), eventType(strings.Repeat("t", i/3))})
	}
	return c
}

func isDamage(err error, name string) bool {
	var damage *vfs.CorruptionError
	return errors.As(err, &damage) && damage.File == name
}

// asked asks a block everything, and fails if an answer is wrong; an error has
// to be damage of the file. It tells how many errors there were.
func asked(t *testing.T, c *contents, block *index.Block) (errs int) {
	t.Helper()
	damage := func(err error) bool {
		if err != nil && !isDamage(err, block.Name) {
			t.Errorf("the error is %v", err)
		}
		if err != nil {
			errs++
		}
		return err != nil
	}
	for term, positions := range c.postings() {
		for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
			have, err := walkTo(block, term, direction)
			if damage(err) {
				continue
			}
			if direction == index.Backwards {
				slices.Reverse(have)
			}
			if !slices.Equal(have, positions) {
				t.Errorf("%.20q is at %s, not at %s", term.Text, short(have), short(positions))
			}
		}
	}
	for i := range c.events {
		position := c.first + uint64(i)
		have, err := block.Locations(nil, position, 1)
		if !damage(err) && have[0] != location(position) {
			t.Errorf("the event at %d lies at %+v", position, have[0])
		}
	}
	for source, position := range c.sources {
		have, known, err := block.Tracking(hasher.Source(source))
		if !damage(err) && (have != position || !known) {
			t.Errorf("source %q is at %d", source, have)
		}
	}
	return errs
}

func walkTo(block *index.Block, term index.Term, direction index.Direction) (positions []uint64, err error) {
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

func TestAWrongBitInAnyPageIsFoundByWhoMeetsIt(t *testing.T) {
	s, c := newShelf(t), varied()
	name := c.flush(t, s).Name
	sound := s.bytes(t, name)
	pages := len(sound) / index.PageBytes
	if pages < 10 {
		t.Fatalf("there are only %d pages", pages)
	}
	for page := 1; page < pages; page++ {
		for _, at := range []int{page % 4000, 4090, 4095} {
			wrong := slices.Clone(sound)
			wrong[page*index.PageBytes+at] ^= 1 << (at % 8)
			s.put(t, name, wrong)
			block, err := s.open(name)
			must(t, err)
			if asked(t, c, block) == 0 {
				t.Errorf("page %d, byte %d: nobody notices", page, at)
			}
			// Joining does not look at the directory, which is page 1.
			if _, err := s.Compact([]*index.Block{block}); page > 1 && !isDamage(err, name) {
				t.Errorf("page %d, byte %d: joining says %v", page, at, err)
			}
		}
	}
	s.put(t, name, sound)
	block, err := s.open(name)
	must(t, err)
	if n := asked(t, c, block); n != 0 {
		t.Errorf("of a sound block, %d answers are errors", n)
	}
}

func TestAWrongBitInAnyByteOfTheHeaderIsDamage(t *testing.T) {
	s := newShelf(t)
	name := spaced(10, 1).flush(t, s).Name
	sound := s.bytes(t, name)
	for at := range index.PageBytes {
		wrong := slices.Clone(sound)
		wrong[at] ^= 1 << (at % 8)
		s.put(t, name, wrong)
		if _, err := s.open(name); !isDamage(err, name) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func TestAnotherVersionIsNoDamage(t *testing.T) {
	s := newShelf(t)
	name := spaced(10, 1).flush(t, s).Name
	other := s.bytes(t, name)
	binary.LittleEndian.PutUint32(other[8:], 2)
	index.Mend(other)
	s.put(t, name, other)
	_, err := s.open(name)
	if !errors.Is(err, index.ErrVersion) || isDamage(err, name) || !strings.Contains(err.Error(), name) {
		t.Errorf("the error is %v", err)
	}
}

func TestAFileThatIsTooShortOrTooLongIsDamage(t *testing.T) {
	s := newShelf(t)
	name := varied().flush(t, s).Name
	sound := s.bytes(t, name)
	for _, size := range []int{0, 1, 100, index.PageBytes - 1, index.PageBytes, 5*index.PageBytes + 1, len(sound) - index.PageBytes, len(sound) - 1} {
		s.put(t, name, sound[:size])
		if _, err := s.open(name); !isDamage(err, name) {
			t.Errorf("with %d bytes: %v", size, err)
		}
	}
	s.put(t, name, append(slices.Clone(sound), 0))
	if _, err := s.open(name); !isDamage(err, name) {
		t.Errorf("with a byte more: %v", err)
	}
}

func TestABlockThatBecomesShorterIsDamage(t *testing.T) {
	s, c := newShelf(t), varied()
	block := c.flush(t, s)
	s.put(t, block.Name, s.bytes(t, block.Name)[:2*index.PageBytes])
	if asked(t, c, block) == 0 {
		t.Error("nobody notices")
	}
	if _, err := s.Compact([]*index.Block{block}); !isDamage(err, block.Name) {
		t.Errorf("joining says %v", err)
	}
}

func TestABlockOfAnotherStoreIsDamage(t *testing.T) {
	s := newShelf(t)
	block := spaced(10, 1).flush(t, s)
	if _, err := index.OpenBlock(s.Dir, block.FileName(), [16]byte{1}, index.NewCache(1)); !isDamage(err, block.Name) {
		t.Errorf("the error is %v", err)
	}
}

func TestABlockUnderAnotherNameIsDamage(t *testing.T) {
	s := newShelf(t)
	block := spaced(10, 1).flush(t, s)
	other := index.Span{FirstGroup: 1, LastGroup: 2}
	must(t, s.mem.Rename(block.Name, dir+"/"+other.FileName()))
	if _, err := s.open(other.FileName()); !isDamage(err, dir+"/"+other.FileName()) {
		t.Errorf("the error is %v", err)
	}
}

// A page may bear its checksum and be of another place, or of another block.
func TestAMisplacedPageIsDamage(t *testing.T) {
	s, c := newShelf(t), varied()
	name := c.flush(t, s).Name
	sound := s.bytes(t, name)
	foreign := newShelf(t)
	d := varied()
	d.events = d.events[1:]
	other := foreign.bytes(t, d.flush(t, foreign).Name)
	for page := 1; page+1 < len(sound)/index.PageBytes; page++ {
		at := page * index.PageBytes
		for _, wrong := range [][]byte{sound[at+index.PageBytes:][:index.PageBytes], other[at:][:index.PageBytes]} {
			s.put(t, name, slices.Concat(sound[:at], wrong, sound[at+index.PageBytes:]))
			block, err := s.open(name)
			must(t, err)
			if asked(t, c, block) == 0 {
				t.Errorf("page %d: nobody notices", page)
			}
		}
	}
}
