package index

import (
	"math/rand/v2"
	"sync/atomic"
	"unsafe"
)

// A Cache is set-associative, like the cache of a processor: a key can be in any of the
// cacheWays entries of one set, which its hash selects. No operation takes a lock.
// Entries are replaced by the CLOCK algorithm.
const (
	cacheWays = 8
	// cacheBytesPerWay is roughly the minimum size of an entry. It determines the
	// number of sets.
	cacheBytesPerWay = 256
	// cacheOverhead is the memory that an entry takes in addition to its bytes.
	cacheOverhead = 64
	// admittedBytes is the size up to which a full cache admits everything.
	admittedBytes = 256
)

// Cache contains verified bytes that never change: pages of index blocks, and anything
// else that has a number within an owner. It limits the memory that they take together.
type Cache struct {
	sets  []cacheSet
	limit int64
	bytes atomic.Int64
	hand  atomic.Uint64 // the set to evict from next
	uses  [useStripes]cacheUses
}

// useStripes is the number of counters of each kind: processors that count in different ones
// do not wait for each other.
const useStripes = 8

// cacheUses counts lookups.
type cacheUses struct {
	hits, misses atomic.Uint64
	_            [112]byte // no other stripe is in the same cache lines
}

type cacheSet struct {
	tags [cacheWays]atomic.Uint32 // parts of the hashes, to skip most other entries
	ways [cacheWays]atomic.Pointer[cached]
	hand atomic.Uint32 // the way to replace next
}

type cached struct {
	CacheKey
	bytes      []byte
	referenced atomic.Bool // used since a hand last passed the entry
}

// CacheKey identifies cached bytes: a number within an owner. See NewOwner.
type CacheKey struct {
	Owner, Number uint64
}

// owners is the last owner number in use.
var owners atomic.Uint64

// NewOwner returns a number that no other owner of keys has.
func NewOwner() uint64 { return owners.Add(1) }

// NewCache returns a cache that takes at most the given bytes of memory.
func NewCache(bytes int64) *Cache {
	return &Cache{sets: make([]cacheSet, max(1, bytes/cacheBytesPerWay/cacheWays)), limit: max(0, bytes)}
}

// Memory returns the bytes of memory that the cache takes.
func (c *Cache) Memory() int64 {
	return c.bytes.Load() + int64(len(c.sets))*int64(unsafe.Sizeof(cacheSet{}))
}

// Uses returns the number of lookups that found their key, and of those that did not.
func (c *Cache) Uses() (hits, misses uint64) {
	for i := range c.uses {
		hits += c.uses[i].hits.Load()
		misses += c.uses[i].misses.Load()
	}
	return hits, misses
}

func (c *Cache) find(key CacheKey) (*cacheSet, uint32) {
	mixed := (key.Owner<<40 + key.Number) * 0x9E3779B97F4A7C15
	mixed ^= mixed >> 32
	mixed *= 0xD6E8FEB86659FD93
	return &c.sets[(mixed>>32)*uint64(len(c.sets))>>32], uint32(mixed) | 1
}

// Get returns the bytes of a key, and reports whether they are cached. The caller must
// not modify them.
func (c *Cache) Get(key CacheKey) ([]byte, bool) {
	set, tag := c.find(key)
	uses := &c.uses[rand.Uint32()%useStripes]
	for i := range set.tags {
		if set.tags[i].Load() != tag {
			continue
		}
		p := set.ways[i].Load()
		if p == nil || p.CacheKey != key {
			continue
		}
		if !p.referenced.Load() {
			p.referenced.Store(true)
		}
		uses.hits.Add(1)
		return p.bytes, true
	}
	uses.misses.Add(1)
	return nil, false
}

// Admit reports whether the bytes of a key that is not cached are worth a Put. If the cache is
// full, large ones seldom are: a page is admitted in one of 16 cases, so one that is used again
// and again will be. In a store much larger than the cache, most pages are used once, and would
// evict what is used more often and takes less memory.
func (c *Cache) Admit(key CacheKey, size int) bool {
	worth, _ := c.admit(key, size)
	return worth
}

// admit is Admit, and also reports whether a Put would evict other bytes.
func (c *Cache) admit(key CacheKey, size int) (worth, full bool) {
	set, _ := c.find(key)
	if c.bytes.Load() < c.limit-c.limit/16 && set.hasSpace() {
		return true, false
	}
	return size <= admittedBytes || rand.IntN(size) < admittedBytes, true
}

func (s *cacheSet) hasSpace() bool {
	for i := range s.ways {
		if s.ways[i].Load() == nil {
			return true
		}
	}
	return false
}

// Put adds bytes, which must not change afterwards, and evicts other entries if the
// limit is exceeded.
func (c *Cache) Put(key CacheKey, bytes []byte) {
	entry := &cached{CacheKey: key, bytes: bytes}
	set, tag := c.find(key)
	for !set.replace(c, entry, tag) {
	}
	for c.bytes.Load() > c.limit {
		c.evict(&c.sets[c.hand.Add(1)%uint64(len(c.sets))])
	}
}

// replace puts an entry into a free way of the set, or replaces one that was not used
// recently. It returns false if another goroutine changed the way first.
func (s *cacheSet) replace(c *Cache, entry *cached, tag uint32) bool {
	way := -1
	for i := range s.ways {
		if s.ways[i].Load() == nil {
			way = i
			break
		}
	}
	for way < 0 {
		i := int(s.hand.Add(1) % cacheWays)
		if old := s.ways[i].Load(); old == nil || !old.referenced.Swap(false) {
			way = i
		}
	}
	old := s.ways[way].Load()
	if !s.ways[way].CompareAndSwap(old, entry) {
		return false
	}
	s.tags[way].Store(tag)
	c.bytes.Add(entry.size() - old.size())
	return true
}

// evict removes the entries of a set that were not used since a hand last passed them.
func (c *Cache) evict(s *cacheSet) {
	for i := range s.ways {
		old := s.ways[i].Load()
		if old != nil && !old.referenced.Swap(false) && s.ways[i].CompareAndSwap(old, nil) {
			c.bytes.Add(-old.size())
		}
	}
}

func (e *cached) size() int64 {
	if e == nil {
		return 0
	}
	return int64(cap(e.bytes)) + cacheOverhead
}
