package index_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// Checksums find what a disk does to a block. These are blocks whose checksums
// are right, and which are wrong all the same: they must do no harm.

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

func TestAHeaderThatCannotBeIsDamage(t *testing.T) {
	s := newShelf(t)
	name := spaced(300, 1).flush(t, s).Name
	sound := s.bytes(t, name)
	for what, patch := range map[string]struct {
		at    int
		bytes []byte
	}{
		"no directory":              {88, le32(0)},
		"other location pages":      {92, le32(2)},
		"no location pages":         {92, le32(0)},
		"too many events":           {56, le64(math.MaxUint32 + 1)},
		"all events there can be":   {56, le64(math.MaxUint64)},
		"all terms there can be":    {104, le64(math.MaxUint64)},
		"more terms than bytes":     {104, le64(40)},
		"all bytes there can be":    {96, le64(math.MaxUint64)},
		"bytes that wrap around":    {96, le64(math.MaxUint64 - 4000)},
		"an offset before the file": {72, le64(math.MaxUint64)},
		"a directory past the end":  {88, le32(math.MaxUint32)},
		"terms that end a page on":  {96, le64(5000)},
		"terms that are not there":  {96, le64(0)},
	} {
		wrong := bytes.Clone(sound)
		copy(wrong[patch.at:], patch.bytes)
		index.Mend(wrong)
		s.put(t, name, wrong)
		if _, err := s.open(name); !isDamage(err, name) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// entryOf gives where the entry of a term begins in a block's bytes.
func entryOf(t *testing.T, block []byte, term index.Term) int {
	t.Helper()
	at := bytes.LastIndex(block, le64(term.Hash()))
	if at < 0 {
		t.Fatalf("%.20q is not there", term.Text)
	}
	return at
}

func TestAnEntryThatCannotBeIsDamage(t *testing.T) {
	long := tag(strings.Repeat("x", 40))
	c := spaced(300, 1)
	c.events[0] = append(c.events[0], long)
	c.sources = map[string]uint64{"upstream": 1 << 60}
	huge := binary.AppendUvarint(nil, math.MaxUint64-18)
	const text = 8 + 1 + 1 // hash, length and kind come before a text
	for what, patch := range map[string]struct {
		term  index.Term
		at    int // in the entry
		bytes []byte
		ask   index.Term
		says  string
	}{
		"a text past the end":        {long, 8, huge, index.TermWithHash(long.Hash(), index.KindTag, "y"), "a term reaches past the end"},
		"a length without an end":    {long, 8, bytes.Repeat([]byte{0xff}, 11), long, "a number is malformed"},
		"no positions":               {long, text + 40, []byte{0}, long, "a term has 0 positions"},
		"more positions than events": {long, text + 40, []byte{0xff, 0x7f}, long, "positions in"},
		"data past the end":          {long, text + 41, []byte{0xff, 0x7f}, long, "positions in"},
		"data that is too short":     {long, text + 41, []byte{0}, long, "a list of positions is malformed"},
		"a chunk past the end":       {tag("spaced"), text + 6 + 4 + 8 + 4, le32(math.MaxUint32), tag("spaced"), "a list of positions is malformed"},
		"a chunk before its own":     {tag("spaced"), text + 6 + 4 + 16 + 4, le32(1), tag("spaced"), "a list of positions is malformed"},
		"a source with positions":    {hasher.Source("upstream"), text + 8, []byte{2}, hasher.Source("upstream"), "a term has 2 positions"},
		"a source without position":  {hasher.Source("upstream"), text + 8 + 2, bytes.Repeat([]byte{0xff}, 9), hasher.Source("upstream"), "a tracking position is malformed"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newShelf(t)
			name := c.flush(t, s).Name
			wrong := s.bytes(t, name)
			copy(wrong[entryOf(t, wrong, patch.term)+patch.at:], patch.bytes)
			index.Mend(wrong)
			s.put(t, name, wrong)
			block, err := s.open(name)
			must(t, err)
			if patch.ask.IsSource() {
				_, _, err = block.Tracking(patch.ask)
			} else {
				_, err = walkTo(block, patch.ask, index.Forwards)
			}
			if !isDamage(err, name) || !strings.Contains(err.Error(), patch.says) {
				t.Errorf("the error is %v, not that %s", err, patch.says)
			}
		})
	}
}

func TestTermsThatEndWithinAnEntryAreDamage(t *testing.T) {
	c := &contents{first: 1, events: [][]index.Term{{tag("a"), tag("b"), tag("c")}}}
	s := newShelf(t)
	name := c.flush(t, s).Name
	sound := s.bytes(t, name)
	termBytes := binary.LittleEndian.Uint64(sound[96:])
	for missing := uint64(1); missing < termBytes/3; missing++ {
		wrong := bytes.Clone(sound)
		copy(wrong[96:], le64(termBytes-missing))
		copy(wrong[104:], le64(2)) // so that the header can be
		index.Mend(wrong)
		s.put(t, name, wrong)
		block, err := s.open(name)
		must(t, err)
		if asked(t, c, block) != 2 { // the last term, both ways
			t.Errorf("without %d bytes: not just the last term is damaged", missing)
		}
		if _, err := s.Compact([]*index.Block{block}); !isDamage(err, name) {
			t.Errorf("without %d bytes: joining says %v", missing, err)
		}
	}
}
