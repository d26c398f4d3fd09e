package index_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

const dir = "index"

// storeID is fixed, so that the same block always has the same bytes.
var (
	storeID = [16]byte([]byte("a store for test"))
	hasher  = index.NewHasher(storeID)
)

// checker is implemented by *testing.T and *rapid.T.
type checker interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func must(t checker, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// blockDir is a Builder with its directory in memory.
type blockDir struct {
	index.Builder
	mem *vfs.Mem
}

func newBlockDir(t checker) *blockDir {
	mem := vfs.NewMem()
	must(t, mem.MkdirAll(dir))
	return &blockDir{index.Builder{Dir: openDir(t, mem), Store: storeID, Cache: index.NewCache(1 << 20), Temp: "new.tmp"}, mem}
}

// openDir opens the directory of the blocks.
func openDir(t checker, mem *vfs.Mem) vfs.Dir {
	t.Helper()
	d, err := mem.OpenDir(dir)
	must(t, err)
	return d
}

// open opens a block with a new cache.
func (s *blockDir) open(name string) (*index.Block, error) {
	return index.OpenBlock(s.Dir, filepath.Base(name), storeID, index.NewCache(1<<20))
}

// readFile returns the content of a file.
func (s *blockDir) readFile(t checker, name string) []byte {
	t.Helper()
	f, err := s.mem.Open(name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	must(t, err)
	return b
}

// writeFile replaces the content of a file.
func (s *blockDir) writeFile(t checker, name string, content []byte) {
	t.Helper()
	f, err := s.mem.Create(name)
	must(t, err)
	_, err = f.WriteAt(content, 0)
	must(t, errors.Join(err, f.Close()))
}

// fileNames returns the names of the files.
func (s *blockDir) fileNames(t checker) []string {
	t.Helper()
	names, err := s.mem.List(dir)
	must(t, err)
	return names
}

func tag(text string) index.Term       { return hasher.Term(index.KindTag, text) }
func eventType(text string) index.Term { return hasher.Term(index.KindType, text) }

// contents is the expected content of a block.
type contents struct {
	first   uint64
	events  [][]index.Term
	sources map[string]uint64
}

// location returns an arbitrary location for a position.
func location(position uint64) index.Location {
	return index.Location{Offset: int64(position * 100 % (1 << 40)), Size: uint32(position%1000) + 1, CRC: uint32(position) * 2654435761}
}

// timeOf returns the time of a position. A group ends before each multiple of 3, and two of them
// have the same time.
func timeOf(position uint64) int64 { return int64(position/6) * 10 }

// span returns a span with one event in each group.
func (c *contents) span() index.Span {
	groups := max(1, uint64(len(c.events)))
	return index.Span{FirstGroup: c.first, LastGroup: c.first + groups - 1, Base: 1, Offset: 80, Chain: 7}
}

func (c *contents) headBlock() *index.HeadBlock {
	m := index.NewHeadBlock(hasher, c.first, 0)
	for i, terms := range c.events {
		position := c.first + uint64(i)
		m.AddEvent(location(position), terms)
		if i == 0 || position%3 == 0 {
			m.AddTime(position, timeOf(position))
		}
	}
	for source, position := range c.sources {
		m.SetTracking(source, position)
	}
	return m
}

func (c *contents) flush(t checker, s *blockDir) *index.Block {
	t.Helper()
	block, err := s.Flush(c.headBlock(), c.span())
	must(t, err)
	return block
}

// postings returns the positions of each term.
func (c *contents) postings() map[index.Term][]uint64 {
	all := map[index.Term][]uint64{}
	for i, terms := range c.events {
		position := c.first + uint64(i)
		for _, term := range terms {
			if have := all[term]; len(have) == 0 || have[len(have)-1] != position {
				all[term] = append(have, position)
			}
		}
	}
	return all
}

// reader is implemented by head blocks and file blocks.
type reader interface {
	Postings(index.Term, index.Direction) (index.Ranked, int, error)
	Locations([]index.Location, uint64, int) ([]index.Location, error)
	Tracking(index.Term) (uint64, bool, error)
	Times([]int64, []uint64) ([]int64, error)
	PositionAt(int64) (uint64, bool, error)
}

// check fails unless a block has exactly these contents, and does not have the absent
// terms.
func (c *contents) check(t checker, r reader, absent ...index.Term) {
	t.Helper()
	for term, positions := range c.postings() {
		checkPostings(t, r, term, positions)
	}
	for _, term := range absent {
		checkPostings(t, r, term, nil)
	}
	locations, err := r.Locations(nil, c.first, len(c.events))
	must(t, err)
	for i, have := range locations {
		if want := location(c.first + uint64(i)); have != want {
			t.Fatalf("location of position %d = %+v, want %+v", c.first+uint64(i), have, want)
		}
	}
	c.checkTimes(t, r)
	for source, position := range c.sources {
		if have, known, err := r.Tracking(hasher.Source(source)); have != position || !known || err != nil {
			t.Fatalf("source %.20q is at %d, want %d: %v", source, have, position, err)
		}
	}
	if _, known, err := r.Tracking(hasher.Source("unknown source")); known || err != nil {
		t.Fatalf("an unknown source is found: %v", err)
	}
}

// checkPostings fails unless a term has exactly these positions, in both directions.
func checkPostings(t checker, r reader, term index.Term, positions []uint64) {
	t.Helper()
	for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
		postings, count, err := r.Postings(term, direction)
		must(t, err)
		want := slices.Clone(positions)
		if direction == index.Backwards {
			slices.Reverse(want)
		}
		if have := collectPositions(t, postings, direction); !slices.Equal(have, want) || count != len(want) {
			t.Fatalf("%.20q of kind %d is at %s (%d), want %s", term.Text, term.Kind, short(have), count, short(want))
		}
	}
}

func short(positions []uint64) string {
	if len(positions) > 10 {
		return fmt.Sprint(positions[:10]) + "…"
	}
	return fmt.Sprint(positions)
}

// collectPositions returns all positions in the order of the iteration.
func collectPositions(t checker, p index.Postings, direction index.Direction) (positions []uint64) {
	t.Helper()
	for key := uint64(0); ; key++ {
		found, ok, err := p.Seek(key)
		must(t, err)
		if !ok {
			return positions
		}
		if found < key {
			t.Fatalf("Seek(%d) = %d", key, found)
		}
		positions, key = append(positions, direction.Key(found)), found
	}
}

// newRand returns a generator with a fixed seed.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// checkSeeks seeks randomly ascending keys, and fails unless Seek returns the first key at
// or above each of them.
func checkSeeks(t checker, p index.Postings, direction index.Direction, positions []uint64, rng *rand.Rand) {
	t.Helper()
	keys := make([]uint64, len(positions))
	for i, position := range positions {
		keys[i] = direction.Key(position)
	}
	slices.Sort(keys)
	at, key := 0, uint64(0)
	for at <= len(keys) {
		if at < len(keys) {
			key = max(key, keys[at]-min(keys[at], uint64(rng.IntN(3))))
		} else if len(keys) > 0 {
			key = max(key, keys[len(keys)-1]+1)
		}
		i, _ := slices.BinarySearch(keys, key)
		found, ok, err := p.Seek(key)
		must(t, err)
		if ok != (i < len(keys)) || ok && found != keys[i] {
			t.Fatalf("Seek(%d) = %d, %v, with %d keys", key, found, ok, len(keys))
		}
		at += 1 + rng.IntN(1<<rng.IntN(10))
	}
}
