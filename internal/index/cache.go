package index

import (
	lru "github.com/hashicorp/golang-lru/v2"
)

// cacheShards keeps readers on different pages out of each other's way.
const cacheShards = 16

// Cache holds verified pages of the blocks of a store, the most recently used
// ones, up to a number of bytes.
type Cache struct {
	shards [cacheShards]*lru.Cache[pageKey, []byte]
}

type pageKey struct {
	block uint64
	page  int64
}

// NewCache makes a cache of some bytes.
func NewCache(bytes int64) *Cache {
	c := new(Cache)
	for i := range c.shards {
		shard, err := lru.New[pageKey, []byte](max(1, int(bytes/pageBytes/cacheShards)))
		if err != nil {
			panic(err) // the size is positive
		}
		c.shards[i] = shard
	}
	return c
}

func (c *Cache) shard(key pageKey) *lru.Cache[pageKey, []byte] {
	return c.shards[(uint64(key.page)+key.block*7)%cacheShards]
}

func (c *Cache) get(key pageKey) ([]byte, bool) { return c.shard(key).Get(key) }

func (c *Cache) put(key pageKey, page []byte) { c.shard(key).Add(key, page) }
