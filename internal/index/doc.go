// Package index tells which positions bear a term, where in the log an event
// lies, and what a tracking source last recorded. All of it is derived from the
// log. The newest positions are in a memory block, the others in immutable file
// blocks; blocks cover adjacent ranges of groups, hence of positions, so nothing
// in one block ever bears on another, and joining blocks concatenates them.
//
// The package starts no goroutine.
package index
