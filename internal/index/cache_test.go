package index_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// page returns bytes that contain a key.
func page(key index.CacheKey, size int) []byte {
	b := make([]byte, size)
	binary.LittleEndian.PutUint64(b, key.Owner)
	binary.LittleEndian.PutUint64(b[8:], key.Number)
	return b
}

func TestCacheReturnsWhatWasPut(t *testing.T) {
	c := index.NewCache(1 << 20)
	for owner := range uint64(4) {
		for number := range uint64(20) {
			key := index.CacheKey{Owner: owner, Number: number}
			if b, ok := c.Get(key); ok {
				t.Errorf("%v is cached before Put: %x", key, b)
			}
			c.Put(key, page(key, 4000))
			if b, ok := c.Get(key); !ok || !slices.Equal(b, page(key, 4000)) {
				t.Errorf("%v is not cached, or has other bytes", key)
			}
		}
	}
}

func TestCacheCountsUses(t *testing.T) {
	c := index.NewCache(1 << 20)
	key := index.CacheKey{Owner: 1, Number: 2}
	for range 20 {
		c.Get(key)
	}
	c.Put(key, page(key, 100))
	for range 300 {
		c.Get(key)
	}
	if hits, misses := c.Uses(); hits != 300 || misses != 20 {
		t.Errorf("%d hits and %d misses, want 300 and 20", hits, misses)
	}
}

func TestCacheIsBounded(t *testing.T) {
	for _, limit := range []int64{-1, 0, 100, 5000, 1 << 20} {
		c := index.NewCache(limit)
		limit = max(0, limit)
		for number := range uint64(5000) {
			c.Put(index.CacheKey{Owner: 1, Number: number % 3000}, make([]byte, 100+number%4000))
			if number%100 == 0 {
				checkBounded(t, c, limit)
			}
		}
		checkBounded(t, c, limit)
		if entries, bytes := c.Usage(); bytes < limit/2 && limit > 10_000 {
			t.Errorf("with a limit of %d bytes, the cache has %d, in %d entries", limit, bytes, entries)
		}
	}
}

func checkBounded(t *testing.T, c *index.Cache, limit int64) {
	t.Helper()
	if _, bytes := c.Usage(); bytes > limit || bytes != c.Bytes() {
		t.Fatalf("with a limit of %d bytes, the cache has %d, and has counted %d", limit, bytes, c.Bytes())
	}
}

func TestReferencedEntriesStayInCache(t *testing.T) {
	c := index.NewCache(1 << 20)
	hot := index.CacheKey{Owner: 1}
	misses := 0
	for number := range uint64(20_000) {
		if _, ok := c.Get(hot); !ok {
			misses++
			c.Put(hot, page(hot, 4096))
		}
		cold := index.CacheKey{Owner: 2, Number: number}
		c.Put(cold, page(cold, 4096))
	}
	if misses > 20 {
		t.Errorf("it was evicted %d times", misses)
	}
}

func TestKeysWithTheSameTagAreDistinguished(t *testing.T) {
	c := index.NewCache(1000) // all keys in one set
	byTag, found := map[uint32]index.CacheKey{}, 0
	for number := range uint64(300_000) {
		key := index.CacheKey{Owner: 1, Number: number}
		other, ok := byTag[c.Tag(key)]
		byTag[c.Tag(key)] = key
		if !ok {
			continue
		}
		found++
		c.Put(other, page(other, 16))
		if b, ok := c.Get(key); ok {
			t.Errorf("Get(%v) = %x", key, b)
		}
	}
	if found == 0 {
		t.Error("no two keys have the same tag")
	}
}

// For the race detector.
func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	const limit = 256 << 10
	c := index.NewCache(limit)
	var users sync.WaitGroup
	for user := range uint64(4) {
		users.Go(func() {
			for i := range uint64(5000) {
				key := index.CacheKey{Owner: i % 3, Number: i * (user + 1) % 200}
				if b, ok := c.Get(key); ok && !slices.Equal(b[:16], page(key, 16)) {
					t.Errorf("Get(%v) = %x", key, b[:16])
				}
				c.Put(key, page(key, 1000))
			}
		})
	}
	users.Wait()
	checkBounded(t, c, limit)
}

func TestPageIsReadOnce(t *testing.T) {
	s, c := newBlockDir(t), varied()
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
		if countErrors(t, c, block) != 0 {
			t.Error("there are errors")
		}
	}
	for offset, n := range reads {
		if n != 1 {
			t.Errorf("the page at %d is read %d times", offset, n)
		}
	}
}

func TestCorruptPageIsNotCached(t *testing.T) {
	s, c := newBlockDir(t), varied()
	block := c.flush(t, s)
	valid := s.readFile(t, block.Name)
	wrong := slices.Clone(valid)
	for at := index.PageBytes; at < len(wrong); at += index.PageBytes {
		wrong[at] ^= 1
	}
	s.writeFile(t, block.Name, wrong)
	if countErrors(t, c, block) == 0 {
		t.Error("the corruption is not detected")
	}
	s.writeFile(t, block.Name, valid)
	if n := countErrors(t, c, block); n != 0 {
		t.Errorf("%d reads still fail", n)
	}
}

// Blocks with the same name can share a cache.
func TestBlocksAreIndependentInTheCache(t *testing.T) {
	s := newBlockDir(t)
	span := index.Span{FirstGroup: 1, LastGroup: 1}
	for i := range 5 {
		c := spaced(i+1, 1)
		block, err := s.Flush(c.headBlock(), span)
		must(t, err)
		c.check(t, block)
	}
}
