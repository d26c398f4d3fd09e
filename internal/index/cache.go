package index

import "sync/atomic"

// A Cache is set-associative, as a processor's is: a key can be in any of the
// cacheWays places of one set, which its hash gives. Finding and replacing take
// no lock.
const cacheWays = 8

// Cache holds verified pages of the blocks of a store, up to a number of bytes.
// In a full set, a page that was not asked for lately makes room.
type Cache struct {
	sets []cacheSet
}

type cacheSet struct {
	ways [cacheWays]atomic.Pointer[cachedPage]
	hand atomic.Uint32 // where to look for room next
}

type cachedPage struct {
	pageKey
	payload []byte
	asked   atomic.Bool // since room was last looked for here
}

type pageKey struct {
	block uint64
	page  int64
}

// NewCache makes a cache of some bytes.
func NewCache(bytes int64) *Cache {
	return &Cache{sets: make([]cacheSet, max(1, bytes/pageBytes/cacheWays))}
}

func (c *Cache) set(key pageKey) *cacheSet {
	mixed := (key.block<<40 + uint64(key.page)) * 0x9E3779B97F4A7C15
	return &c.sets[(mixed>>32)*uint64(len(c.sets))>>32]
}

func (c *Cache) get(key pageKey) ([]byte, bool) {
	set := c.set(key)
	for i := range set.ways {
		p := set.ways[i].Load()
		if p == nil || p.pageKey != key {
			continue
		}
		if !p.asked.Load() {
			p.asked.Store(true)
		}
		return p.payload, true
	}
	return nil, false
}

// put adds a page in the place of one that was not asked for since the last
// time round.
func (c *Cache) put(key pageKey, payload []byte) {
	set := c.set(key)
	page := &cachedPage{pageKey: key, payload: payload}
	for {
		way := &set.ways[set.hand.Add(1)%cacheWays]
		old := way.Load()
		if old != nil && old.asked.Swap(false) {
			continue
		}
		if way.CompareAndSwap(old, page) {
			return
		}
	}
}
