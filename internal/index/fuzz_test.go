package index_test

import (
	"encoding/binary"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// FuzzBlock changes bytes of a valid block, corrects its checksums, and reads everything
// from it. Results may be wrong, but each read must return, and an error must be a
// CorruptionError. A patch is two bytes of offset from the start of a page, and a value.
func FuzzBlock(f *testing.F) {
	s := newBlockDir(f)
	name := smallAndLarge().flush(f, s).Name
	valid := s.readFile(f, name)
	f.Add([]byte{}, uint8(0))
	for page := range len(valid) / index.PageBytes {
		f.Add([]byte{0, 8, 1, 0, 32, 1, 0, 96, 255, 1, 1, 255}, uint8(page))
		f.Add([]byte{15, 250, 255, 0, 9, 200, 0, 10, 255, 0, 11, 255, 0, 12, 255}, uint8(page))
	}
	f.Fuzz(func(t *testing.T, patches []byte, page uint8) {
		block := append([]byte(nil), valid...)
		at := int(page) * index.PageBytes
		for ; len(patches) >= 3; patches = patches[3:] {
			offset := at + int(binary.BigEndian.Uint16(patches))
			block[offset%len(block)] = patches[2]
		}
		index.Mend(block)
		checkPatchedBlock(t, block)
	})
}

// smallAndLarge returns contents with lists of all kinds, in few pages.
func smallAndLarge() *contents {
	c := small()
	c.events = append(c.events, spaced(300, 1).events...)
	c.sources["other"] = 1 << 60
	return c
}

// checkPatchedBlock reads everything from a block, under the name and with the store ID
// in its header.
func checkPatchedBlock(t *testing.T, content []byte) {
	s := newBlockDir(t)
	span := index.Span{FirstGroup: binary.LittleEndian.Uint64(content[32:]), LastGroup: binary.LittleEndian.Uint64(content[40:])}
	s.writeFile(t, dir+"/"+span.FileName(), content)
	s.Store = [16]byte(content[16:32])
	block, err := index.OpenBlock(s.Dir, span.FileName(), s.Store, s.Cache)
	if err != nil {
		return
	}
	defer block.Close()
	c := smallAndLarge()
	for term := range c.postings() {
		for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
			positions, err := readPositions(block, term, direction)
			checkCorruptionOrNil(t, block, err)
			if uint64(len(positions)) > block.Events {
				t.Errorf("%q has %d positions in %d events", term.Text, len(positions), block.Events)
			}
		}
	}
	for source := range c.sources {
		_, _, err := block.Tracking(hasher.Source(source))
		checkCorruptionOrNil(t, block, err)
	}
	_, err = block.Locations(nil, block.First, int(min(block.Events, 1000)))
	checkCorruptionOrNil(t, block, err)
	readAllTimes(t, block)
	readAllTerms(t, block)
	compacted, err := s.Compact([]*index.Block{block})
	checkCorruptionOrNil(t, block, err)
	if err == nil {
		checkCorruptionOrNil(t, compacted, compacted.Close())
	}
}

func readAllTimes(t *testing.T, block *index.Block) {
	for i := range min(block.Events, 1000) {
		_, err := block.Times(nil, []uint64{block.First + i})
		checkCorruptionOrNil(t, block, err)
		position, ok, err := block.PositionAt(timeOf(block.First + i))
		checkCorruptionOrNil(t, block, err)
		if ok && (position < block.First || position >= block.Next()) {
			t.Errorf("position %d is not in the block", position)
		}
	}
}

func readAllTerms(t *testing.T, block *index.Block) {
	terms := block.ReadTerms()
	for {
		more, err := terms.Next()
		checkCorruptionOrNil(t, block, err)
		if !more {
			return
		}
		if !terms.IsSource() {
			_, err := terms.Positions(nil, 0)
			checkCorruptionOrNil(t, block, err)
		}
	}
}

func checkCorruptionOrNil(t *testing.T, block *index.Block, err error) {
	t.Helper()
	if err != nil && !isCorruption(err, block.Name) {
		t.Errorf("the error is %v", err)
	}
}
