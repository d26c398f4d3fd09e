// Package index maps a term to the positions of the events that have it, a position
// to the location of its event in the log, and a tracking source to its last recorded
// position. All of it is derived from the log. The newest positions are in a head
// block in memory, all others in immutable block files. Blocks cover adjacent ranges
// of groups, and so of positions: they are independent of each other, and compaction
// concatenates them.
//
// The package starts no goroutine.
//
// # Files
//
// A block file, in the order of the chapter "Index blocks" of docs/format.md:
//
//   - block.go opens a block;
//   - page.go has the pages and their checksums;
//   - header.go has the header page, and the name of the file, which depends on it;
//   - directory.go has the directory pages, each with the ends of buckets and a filter;
//   - location.go has the locations;
//   - times.go has the commit times of the groups;
//   - terms.go has the terms, and reads parts of them through the cache;
//   - read_terms.go reads them from first to last;
//   - lookup.go finds the entry of one term, and result.go caches what was found;
//   - list.go has the posting lists.
//
// What is made of blocks:
//
//   - postings.go iterates over positions, with set algebra;
//   - head_block.go is the block in memory;
//   - builder.go writes a block file, from a head block or from other blocks;
//   - merge.go merges sequences, among them the terms of several blocks;
//   - compact.go writes one block in place of several;
//   - term_totals.go counts the positions of each term in all blocks;
//   - cache.go keeps verified pages in memory.
package index
