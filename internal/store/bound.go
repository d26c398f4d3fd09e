package store

const (
	// termBytes is what a term of a query takes at most while it is evaluated.
	termBytes = 700
	// largestMemory is what a memory block may take whose one request is larger.
	largestMemory = 40 << 20
)

// MemoryBound returns about the most memory, in bytes, that all calls together can
// make a store with some options take at a time, beside their requests, parsed
// queries and messages.
func MemoryBound(options *Options) int64 {
	o := options.withDefaults()
	groups := 2 * int64(maxGroupBytes+o.Limits.RequestBytes) // one is gathered, one is written
	return o.CacheBytes + maxMemoryBytes + largestMemory + groups + dearTerms*termBytes
}
