package index_test

import (
	"encoding/binary"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// FuzzBlock changes bytes of a sound block, makes its checksums right again, and
// asks it everything. What comes out may be wrong, but it comes, or is damage.
// Each patch is two bytes of offset from the beginning of a page, and a value.
func FuzzBlock(f *testing.F) {
	s := newShelf(f)
	name := smallAndLarge().flush(f, s).Name
	sound := s.bytes(f, name)
	f.Add([]byte{}, uint8(0))
	for page := range len(sound) / index.PageBytes {
		f.Add([]byte{0, 8, 1, 0, 32, 1, 0, 96, 255, 1, 1, 255}, uint8(page))
		f.Add([]byte{15, 250, 255, 0, 9, 200, 0, 10, 255, 0, 11, 255, 0, 12, 255}, uint8(page))
	}
	f.Fuzz(func(t *testing.T, patches []byte, page uint8) {
		block := append([]byte(nil), sound...)
		at := int(page) * index.PageBytes
		for ; len(patches) >= 3; patches = patches[3:] {
			offset := at + int(binary.BigEndian.Uint16(patches))
			block[offset%len(block)] = patches[2]
		}
		index.Mend(block)
		survivesAsking(t, block)
	})
}

// smallAndLarge is contents of each shape that a block knows, in few pages.
func smallAndLarge() *contents {
	c := small()
	c.events = append(c.events, spaced(300, 1).events...)
	c.sources["other"] = 1 << 60
	return c
}

// survivesAsking opens bytes as a block, under the name and of the store that
// they speak of.
func survivesAsking(t *testing.T, content []byte) {
	s := newShelf(t)
	span := index.Span{FirstGroup: binary.LittleEndian.Uint64(content[32:]), LastGroup: binary.LittleEndian.Uint64(content[40:])}
	s.put(t, dir+"/"+span.FileName(), content)
	s.Store = [16]byte(content[16:32])
	block, err := index.OpenBlock(s.Dir, span.FileName(), s.Store, s.Cache)
	if err != nil {
		return
	}
	defer block.Close()
	c := smallAndLarge()
	for term := range c.postings() {
		for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
			positions, err := walkTo(block, term, direction)
			damageOrNothing(t, block, err)
			if uint64(len(positions)) > block.Events {
				t.Errorf("%q is at %d of %d positions", term.Text, len(positions), block.Events)
			}
		}
	}
	for source := range c.sources {
		_, _, err := block.Tracking(hasher.Source(source))
		damageOrNothing(t, block, err)
	}
	_, err = block.Locations(nil, block.First, int(min(block.Events, 1000)))
	damageOrNothing(t, block, err)
	readsTerms(t, block)
	joined, err := s.Compact([]*index.Block{block})
	damageOrNothing(t, block, err)
	if err == nil {
		damageOrNothing(t, joined, joined.Close())
	}
}

func readsTerms(t *testing.T, block *index.Block) {
	terms := block.ReadTerms()
	for {
		more, err := terms.Next()
		damageOrNothing(t, block, err)
		if !more {
			return
		}
		if !terms.IsSource() {
			_, err := terms.Positions(nil, 0)
			damageOrNothing(t, block, err)
		}
	}
}

func damageOrNothing(t *testing.T, block *index.Block, err error) {
	t.Helper()
	if err != nil && !isDamage(err, block.Name) {
		t.Errorf("the error is %v", err)
	}
}
