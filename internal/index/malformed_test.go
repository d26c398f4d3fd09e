package index_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// The blocks of these tests are malformed although their checksums match. Reading them
// must return an error, without a panic or an endless loop.

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

func TestImpossibleHeaderIsCorruption(t *testing.T) {
	s := newBlockDir(t)
	name := spaced(300, 1).flush(t, s).Name
	valid := s.readFile(t, name)
	for what, patch := range map[string]struct {
		at    int
		bytes []byte
	}{
		"no directory":             {88, le32(0)},
		"other location pages":     {92, le32(2)},
		"no location pages":        {92, le32(0)},
		"too many events":          {56, le64(math.MaxUint32 + 1)},
		"largest number of events": {56, le64(math.MaxUint64)},
		"largest number of terms":  {104, le64(math.MaxUint64)},
		"more terms than bytes":    {104, le64(40)},
		"largest number of bytes":  {96, le64(math.MaxUint64)},
		"bytes that overflow":      {96, le64(math.MaxUint64 - 4000)},
		"a negative offset":        {72, le64(math.MaxUint64)},
		"a directory past the end": {88, le32(math.MaxUint32)},
		"terms past the last page": {96, le64(5000)},
		"terms without bytes":      {96, le64(0)},
		"no times":                 {112, le32(0)},
		"more times than events":   {112, le32(301)},
	} {
		wrong := bytes.Clone(valid)
		copy(wrong[patch.at:], patch.bytes)
		index.Mend(wrong)
		s.writeFile(t, name, wrong)
		if _, err := s.open(name); !isCorruption(err, name) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// entryOf returns the offset of a term's entry in a block.
func entryOf(t *testing.T, block []byte, term index.Term) int {
	t.Helper()
	at := bytes.LastIndex(block, le64(term.Hash()))
	if at < 0 {
		t.Fatalf("%.20q is not found", term.Text)
	}
	return at
}

func TestImpossibleEntryIsCorruption(t *testing.T) {
	long := tag(strings.Repeat("x", 40))
	c := spaced(300, 1)
	c.events[0] = append(c.events[0], long)
	c.sources = map[string]uint64{"upstream": 1 << 60}
	huge := binary.AppendUvarint(nil, math.MaxUint64-18)
	const text = 8 + 1 + 1 // offset of the text, after hash, length and kind
	for what, patch := range map[string]struct {
		term  index.Term
		at    int // in the entry
		bytes []byte
		query index.Term
		want  string
	}{
		"a text past the end":        {long, 8, huge, index.TermWithHash(long.Hash(), index.KindTag, "y"), "a term extends past the end"},
		"an unterminated length":     {long, 8, bytes.Repeat([]byte{0xff}, 11), long, "a number is malformed"},
		"no positions":               {long, text + 40, []byte{0}, long, "a term has 0 positions"},
		"more positions than events": {long, text + 40, []byte{0xff, 0x7f}, long, "positions in"},
		"data past the end":          {long, text + 41, []byte{0xff, 0x7f}, long, "positions in"},
		"data that is too short":     {long, text + 41, []byte{0}, long, "a list of positions is malformed"},
		"a chunk past the end":       {tag("spaced"), text + 6 + 4 + 8 + 4, le32(math.MaxUint32), tag("spaced"), "a list of positions is malformed"},
		"a chunk before its start":   {tag("spaced"), text + 6 + 4 + 16 + 4, le32(1), tag("spaced"), "a list of positions is malformed"},
		"a source with positions":    {hasher.Source("upstream"), text + 8, []byte{2}, hasher.Source("upstream"), "a term has 2 positions"},
		"a source without position":  {hasher.Source("upstream"), text + 8 + 2, bytes.Repeat([]byte{0xff}, 9), hasher.Source("upstream"), "a tracking position is malformed"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newBlockDir(t)
			name := c.flush(t, s).Name
			wrong := s.readFile(t, name)
			copy(wrong[entryOf(t, wrong, patch.term)+patch.at:], patch.bytes)
			index.Mend(wrong)
			s.writeFile(t, name, wrong)
			block, err := s.open(name)
			must(t, err)
			if patch.query.IsSource() {
				_, _, err = block.Tracking(patch.query)
			} else {
				_, err = readPositions(block, patch.query, index.Forwards)
			}
			if !isCorruption(err, name) || !strings.Contains(err.Error(), patch.want) {
				t.Errorf("the error is %v, want %q", err, patch.want)
			}
		})
	}
}

func TestTruncatedEntryIsCorruption(t *testing.T) {
	c := &contents{first: 1, events: [][]index.Term{{tag("a"), tag("b"), tag("c")}}}
	s := newBlockDir(t)
	name := c.flush(t, s).Name
	valid := s.readFile(t, name)
	termBytes := binary.LittleEndian.Uint64(valid[96:])
	for missing := uint64(1); missing < termBytes/3; missing++ {
		wrong := bytes.Clone(valid)
		copy(wrong[96:], le64(termBytes-missing))
		copy(wrong[104:], le64(2)) // so that the header stays plausible
		index.Mend(wrong)
		s.writeFile(t, name, wrong)
		block, err := s.open(name)
		must(t, err)
		if countErrors(t, c, block) != 2 { // the last term, in both directions
			t.Errorf("without %d bytes: want errors only for the last term", missing)
		}
		if _, err := s.Compact([]*index.Block{block}); !isCorruption(err, name) {
			t.Errorf("without %d bytes: compaction returns %v", missing, err)
		}
	}
}

// corruptTimes returns a block of three groups whose times are changed: the positions 3, 6 and 9
// with the times 0, 10 and 10.
func corruptTimes(t *testing.T, s *blockDir, at int, patch []byte) *index.Block {
	t.Helper()
	c := &contents{first: 3, events: make([][]index.Term, 9)}
	name := c.flush(t, s).Name
	block := s.readFile(t, name)
	copy(block[3*index.PageBytes+at:], patch)
	index.Mend(block)
	s.writeFile(t, name, block)
	opened, err := s.open(name)
	must(t, err)
	return opened
}

func TestImpossibleTimesAreCorruption(t *testing.T) {
	const row = 12
	for what, patch := range map[string]struct {
		at       int
		bytes    []byte
		position uint64 // whose time is not found
		time     int64  // whose position is not found
	}{
		"a first group after the first event": {0, le32(1), 3, -1},
		"a group at the first event":          {row, le32(0), 0, 5},
		"a group after the last event":        {2 * row, le32(9), 9, -1},
		"a group before the one before":       {2 * row, le32(2), 0, -1},
		"a time before the one before":        {2*row + 4, le64(9), 0, -1},
	} {
		s := newBlockDir(t)
		block := corruptTimes(t, s, patch.at, patch.bytes)
		if patch.position > 0 {
			if _, err := block.Times(nil, []uint64{patch.position}); !isCorruption(err, block.Name) {
				t.Errorf("%s: the time of an event: %v", what, err)
			}
		}
		if patch.time >= 0 {
			if _, _, err := block.PositionAt(patch.time); !isCorruption(err, block.Name) {
				t.Errorf("%s: the position at a time: %v", what, err)
			}
		}
		if _, err := s.Compact([]*index.Block{block}); !isCorruption(err, block.Name) {
			t.Errorf("%s: compaction returns %v", what, err)
		}
	}
}
