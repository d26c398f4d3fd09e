package store

const (
	// termBytes bounds the memory of a term of a query while it is evaluated.
	termBytes = 700
	// largestHeadBytes bounds the memory of a head block with a single request that
	// exceeds maxHeadBytes.
	largestHeadBytes = 40 << 20
)

// MemoryBound returns an approximate upper bound, in bytes, of the memory that a store
// with these options takes for all calls together. Requests, parsed queries and
// messages are not included.
func MemoryBound(options *Options) int64 {
	o := options.withDefaults()
	groups := 2 * int64(maxGroupBytes+o.Limits.RequestBytes) // one is filled, one is written
	return o.CacheBytes + maxHeadsBytes + largestHeadBytes + groups + expensiveTerms*termBytes
}
