// Package eventlog is the log on disk: segments of positioned groups, each
// group what one commit made durable. It treats payloads as opaque bytes, and
// starts no goroutine: one caller plans and seals groups (Reserve, Seal), one
// writes them (Write, Sync), and any number read.
//
// What it assumes of the disk: a sync that returned keeps what was written
// before it; a write that was not synced may be lost in part, by sectors, in any
// combination; a rename is kept or lost whole; nothing else changes bytes. Where
// the last is not so, checksums and the chain tell.
//
// A group is written only after the sync of the one before has returned, so only
// the last group of the last segment can be torn by a crash.
package eventlog
