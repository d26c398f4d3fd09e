// Package index maps a term to the positions of the events that have it, a position
// to the location of its event in the log, and a tracking source to its last recorded
// position. All of it is derived from the log. The newest positions are in a head
// block in memory, all others in immutable block files. Blocks cover adjacent ranges
// of groups, and so of positions: they are independent of each other, and compaction
// concatenates them.
//
// The package starts no goroutine.
package index
