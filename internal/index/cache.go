package index

import "sync/atomic"

// A Cache is set-associative, as a processor's is: a key can be in any of the
// cacheWays places of one set, which its hash selects. No operation takes a lock.
const (
	cacheWays = 8
	// cacheBytesPerWay is about the least that an entry takes; the number of
	// places follows from it.
	cacheBytesPerWay = 256
	// cacheOverhead is what an entry takes beside its bytes.
	cacheOverhead = 64
)

// Cache holds verified bytes that never change: pages of index blocks, and
// whatever else is numbered within an owner. It bounds what they take together.
type Cache struct {
	sets  []cacheSet
	limit int64
	bytes atomic.Int64
	hand  atomic.Uint64 // the set to make room in next
}

type cacheSet struct {
	tags [cacheWays]atomic.Uint32 // of the hashes, to look at few entries
	ways [cacheWays]atomic.Pointer[cached]
	hand atomic.Uint32 // the way to replace next
}

type cached struct {
	CacheKey
	bytes []byte
	asked atomic.Bool // since room was last looked for here
}

// CacheKey names bytes: a number within an owner. Owners are numbered by NewOwner.
type CacheKey struct {
	Owner, Number uint64
}

// owners tells the owners of keys apart.
var owners atomic.Uint64

// NewOwner gives a number that no other owner of keys has.
func NewOwner() uint64 { return owners.Add(1) }

// NewCache makes a cache of some bytes.
func NewCache(bytes int64) *Cache {
	return &Cache{sets: make([]cacheSet, max(1, bytes/cacheBytesPerWay/cacheWays)), limit: max(0, bytes)}
}

func (c *Cache) find(key CacheKey) (*cacheSet, uint32) {
	mixed := (key.Owner<<40 + key.Number) * 0x9E3779B97F4A7C15
	mixed ^= mixed >> 32
	mixed *= 0xD6E8FEB86659FD93
	return &c.sets[(mixed>>32)*uint64(len(c.sets))>>32], uint32(mixed) | 1
}

// Get gives the bytes of a key, which must not be changed, and whether they are
// there.
func (c *Cache) Get(key CacheKey) ([]byte, bool) {
	set, tag := c.find(key)
	for i := range set.tags {
		if set.tags[i].Load() != tag {
			continue
		}
		p := set.ways[i].Load()
		if p == nil || p.CacheKey != key {
			continue
		}
		if !p.asked.Load() {
			p.asked.Store(true)
		}
		return p.bytes, true
	}
	return nil, false
}

// Put adds bytes, which must not change from then on, and makes room for them.
func (c *Cache) Put(key CacheKey, bytes []byte) {
	entry := &cached{CacheKey: key, bytes: bytes}
	set, tag := c.find(key)
	for !set.replace(c, entry, tag) {
	}
	for c.bytes.Load() > c.limit {
		c.evict(&c.sets[c.hand.Add(1)%uint64(len(c.sets))])
	}
}

// replace puts an entry into a free place of the set, or into that of one that
// was not asked for lately. It fails if somebody else was faster.
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
		if old := s.ways[i].Load(); old == nil || !old.asked.Swap(false) {
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

// evict frees the places of a set that were not asked for since the last time.
func (c *Cache) evict(s *cacheSet) {
	for i := range s.ways {
		old := s.ways[i].Load()
		if old != nil && !old.asked.Swap(false) && s.ways[i].CompareAndSwap(old, nil) {
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
