package index_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// page makes bytes that belong to a key.
func page(key index.CacheKey, size int) []byte {
	b := make([]byte, size)
	binary.LittleEndian.PutUint64(b, key.Owner)
	binary.LittleEndian.PutUint64(b[8:], key.Number)
	return b
}

func TestTheCacheGivesWhatWasPut(t *testing.T) {
	c := index.NewCache(1 << 20)
	for owner := range uint64(4) {
		for number := range uint64(20) {
			key := index.CacheKey{Owner: owner, Number: number}
			if b, there := c.Get(key); there {
				t.Errorf("%v is there before it is put: %x", key, b)
			}
			c.Put(key, page(key, 4000))
			if b, there := c.Get(key); !there || !slices.Equal(b, page(key, 4000)) {
				t.Errorf("%v is not there, or something else", key)
			}
		}
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	for _, limit := range []int64{-1, 0, 100, 5000, 1 << 20} {
		c := index.NewCache(limit)
		limit = max(0, limit)
		for number := range uint64(5000) {
			c.Put(index.CacheKey{Owner: 1, Number: number % 3000}, make([]byte, 100+number%4000))
			if number%100 == 0 {
				bounded(t, c, limit)
			}
		}
		bounded(t, c, limit)
		if entries, bytes := c.Holds(); bytes < limit/2 && limit > 10_000 {
			t.Errorf("of %d bytes it uses %d, for %d entries", limit, bytes, entries)
		}
	}
}

func bounded(t *testing.T, c *index.Cache, limit int64) {
	t.Helper()
	if _, bytes := c.Holds(); bytes > limit || bytes != c.Bytes() {
		t.Fatalf("of %d bytes it holds %d, and believes %d", limit, bytes, c.Bytes())
	}
}

func TestWhatIsAskedForStaysInTheCache(t *testing.T) {
	c := index.NewCache(1 << 20)
	hot := index.CacheKey{Owner: 1}
	misses := 0
	for number := range uint64(20_000) {
		if _, there := c.Get(hot); !there {
			misses++
			c.Put(hot, page(hot, 4096))
		}
		cold := index.CacheKey{Owner: 2, Number: number}
		c.Put(cold, page(cold, 4096))
	}
	if misses > 20 {
		t.Errorf("it went %d times", misses)
	}
}

// What the cache compares first is shorter than a key.
func TestKeysThatLookAlikeAreTold(t *testing.T) {
	c := index.NewCache(1000) // all keys in one set
	alike, found := map[uint32]index.CacheKey{}, 0
	for number := range uint64(300_000) {
		key := index.CacheKey{Owner: 1, Number: number}
		twin, there := alike[c.Tag(key)]
		alike[c.Tag(key)] = key
		if !there {
			continue
		}
		found++
		c.Put(twin, page(twin, 16))
		if b, there := c.Get(key); there {
			t.Errorf("for %v there is %x", key, b)
		}
	}
	if found == 0 {
		t.Error("no two keys look alike")
	}
}

// The race detector looks on.
func TestTheCacheMayBeUsedByMany(t *testing.T) {
	const limit = 256 << 10
	c := index.NewCache(limit)
	var users sync.WaitGroup
	for user := range uint64(4) {
		users.Go(func() {
			for i := range uint64(5000) {
				key := index.CacheKey{Owner: i % 3, Number: i * (user + 1) % 200}
				if b, there := c.Get(key); there && !slices.Equal(b[:16], page(key, 16)) {
					t.Errorf("%v is %x", key, b[:16])
				}
				c.Put(key, page(key, 1000))
			}
		})
	}
	users.Wait()
	bounded(t, c, limit)
}

func TestAPageIsReadOnce(t *testing.T) {
	s, c := newShelf(t), varied()
	name := c.flush(t, s).Name
	reads := map[int64]int{}
	s.Dir = vfs.ObserveDir(s.Dir, func(op vfs.Op) error {
		if op.Kind == "read" {
			reads[op.Offset]++
		}
		return nil
	})
	block, err := s.open(name)
	must(t, err)
	for range 3 {
		if asked(t, c, block) != 0 {
			t.Error("there are errors")
		}
	}
	for offset, n := range reads {
		if n != 1 {
			t.Errorf("the page at %d is read %d times", offset, n)
		}
	}
}

// A page that was damaged when it was read is not kept.
func TestADamagedPageIsNotCached(t *testing.T) {
	s, c := newShelf(t), varied()
	block := c.flush(t, s)
	sound := s.bytes(t, block.Name)
	wrong := slices.Clone(sound)
	for at := index.PageBytes; at < len(wrong); at += index.PageBytes {
		wrong[at] ^= 1
	}
	s.put(t, block.Name, wrong)
	if asked(t, c, block) == 0 {
		t.Error("nobody notices")
	}
	s.put(t, block.Name, sound)
	if n := asked(t, c, block); n != 0 {
		t.Errorf("%d answers are errors still", n)
	}
}

// Two blocks share a cache, and one may have the name of the other.
func TestBlocksDoNotMeetInTheCache(t *testing.T) {
	s := newShelf(t)
	span := index.Span{FirstGroup: 1, LastGroup: 1}
	for i := range 5 {
		c := spaced(i+1, 1)
		block, err := s.Flush(c.memory(), span)
		must(t, err)
		c.holds(t, block)
	}
}
