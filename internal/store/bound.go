package store

const (
	// termBytes is the most memory that a term of a query takes while it is evaluated.
	termBytes = 700
	// largestMemory is the most that a memory block takes which has one request that
	// is larger than maxBlockMemory.
	largestMemory = 40 << 20
)

// MemoryBound returns about the most memory, in bytes, that a store with these
// options takes for all calls together. Their requests, parsed queries and messages
// are not included.
func MemoryBound(options *Options) int64 {
	o := options.withDefaults()
	groups := 2 * int64(maxGroupBytes+o.Limits.RequestBytes) // one is gathered, one is written
	return o.CacheBytes + maxMemoryBytes + largestMemory + groups + expensiveTerms*termBytes
}
