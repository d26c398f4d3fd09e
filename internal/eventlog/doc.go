// Package eventlog implements the log on disk: a sequence of segment files that
// contain groups. A group is what one commit made durable; its payload is opaque
// to this package. The package starts no goroutine. A Log is read by any number of
// goroutines, its Appender (Reserve, Seal) is used by one, and its Writer (Write, Sync)
// by another one.
//
// The log depends on four properties of the disk. A sync that has returned keeps
// everything written before it. A write that was not synced may be lost in part,
// in any combination of sectors. A rename is kept or lost as a whole. Other bytes
// do not change; where that fails, the checksums and the chain of the groups
// detect it.
//
// A group is written only after the sync of the group before it has returned, so a
// crash can tear only the last group of the last segment. A Receiver, which writes a copy
// of a log, and a series sync many groups at a time instead; copying.go describes the
// consequences.
package eventlog
