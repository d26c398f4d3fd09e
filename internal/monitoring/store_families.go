package monitoring

import (
	"cmp"
	"time"

	"github.com/umadb-go/umadb/internal/histogram"
	"github.com/umadb-go/umadb/internal/store"
)

// ofStandby returns a function that reads the state of a standby, which is zero for other
// stores.
func ofStandby(read func(*store.StandbyState, samples)) func(*snapshot, samples) {
	return func(s *snapshot, out samples) { read(cmp.Or(s.store.Standby, &store.StandbyState{}), out) }
}

// storeFamilies are the metrics of the store.
var storeFamilies = []family{
	{"umadb_appends_total", counter, []string{"outcome"}, "Appends by outcome: appended; retry, a repeated append that was recognised; conflict, the condition failed; tracking_conflict, the tracking position was not greater than that recorded; cancelled; error.", func(s *snapshot, out samples) {
		a := &s.store.Appends
		number(out, a.Appended, "appended")
		number(out, a.Retries, "retry")
		number(out, a.Conflicts, "conflict")
		number(out, a.TrackingConflicts, "tracking_conflict")
		number(out, a.Cancelled, "cancelled")
		number(out, a.Errors, "error")
	}},
	{"umadb_events_appended_total", counter, nil, "Events appended.", simple(func(s *snapshot) uint64 { return s.store.Appends.Events })},
	{"umadb_conditions_total", counter, nil, "Append conditions that were decided.", simple(func(s *snapshot) uint64 { return s.store.Appends.Conditions })},
	{"umadb_append_stale_total", counter, nil, "Repeated prechecks of appends, because events since the first were no longer in memory or the condition took too many steps.", simple(func(s *snapshot) uint64 { return s.store.Appends.Stale })},
	{"umadb_append_duration_seconds", distribution, nil, "Time of durable appends in the store, from the call to the result.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Appends.Latency })},
	{"umadb_append_queue_seconds", distribution, nil, "Time of durable appends from their precheck until their group was written.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Appends.Queue })},
	{"umadb_appends_waiting", gauge, nil, "Appends in the queue or in a group that is not durable yet.", simple(func(s *snapshot) int { return s.store.Appends.Waiting })},
	{"umadb_append_stall_seconds", gauge, nil, "Time for which appends have been waiting without any being answered; 0 if none waits.", simple(func(s *snapshot) float64 { return s.store.Appends.Stall.Seconds() })},

	{"umadb_commit_write_seconds", distribution, nil, "Time to write a group of appends to the log.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Commits.Write })},
	{"umadb_commit_sync_seconds", distribution, nil, "Time to sync the log after a group.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Commits.Sync })},
	{"umadb_commit_duration_seconds", distribution, nil, "Time from the start of the write of a group until it was published.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Commits.Whole })},
	{"umadb_commit_appends", distribution, nil, "Appends in a group.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Commits.Appends })},
	{"umadb_commit_events", distribution, nil, "Events in a group.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Commits.Events })},
	{"umadb_commit_size_bytes", distribution, nil, "Bytes of a group in the log.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Commits.Bytes })},

	{"umadb_reads_total", counter, nil, "Reads started.", simple(func(s *snapshot) uint64 { return s.store.Reads.Started })},
	{"umadb_reads_open", gauge, nil, "Reads in progress, including those that wait for their client.", simple(func(s *snapshot) uint64 { return s.store.Reads.Open })},
	{"umadb_read_first_message_seconds", distribution, nil, "Time from the start of a read to its first message.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Reads.First })},
	{"umadb_read_duration_seconds", distribution, nil, "Time from the start of a read to its last message, including the time that its client took.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Reads.Whole })},
	{"umadb_messages_read_total", counter, nil, "Messages of reads and subscriptions.", simple(func(s *snapshot) uint64 { return s.store.Reads.Messages })},
	{"umadb_events_read_total", counter, nil, "Events returned by reads and subscriptions.", simple(func(s *snapshot) uint64 { return s.store.Reads.Events })},

	{"umadb_subscriptions", gauge, nil, "Subscriptions in progress.", simple(func(s *snapshot) int { return s.store.Subscriptions.Open })},
	{"umadb_subscriptions_lagging", gauge, nil, "Subscriptions that have not checked all events up to the head.", simple(func(s *snapshot) int { return s.store.Subscriptions.Lagging })},
	{"umadb_subscription_max_lag_events", gauge, nil, "Largest number of positions that one subscription has not checked.", simple(func(s *snapshot) uint64 { return s.store.Subscriptions.MaxLag })},
	{"umadb_subscription_events_total", counter, nil, "Events passed to subscriptions.", simple(func(s *snapshot) uint64 { return s.store.Subscriptions.Events })},
	{"umadb_subscription_delivery_seconds", distribution, nil, "Time from the publishing of events until they were passed to a subscription that was waiting for them.", simpleBuckets(func(s *snapshot) histogram.Snapshot { return s.store.Subscriptions.Delivery })},

	{"umadb_head_position", gauge, nil, "Position of the last event.", simple(func(s *snapshot) uint64 { return s.store.Head })},
	{"umadb_last_commit_timestamp_seconds", gauge, nil, "Time of the last commit, in seconds since 1970; 0 if there is none.", simpleTime(func(s *snapshot) time.Time { return s.store.LastCommit })},
	{"umadb_standby", gauge, nil, "Whether the server is the standby of another one: 1 if it is, 0 if not. The other metrics of standbys are 0 then.", ofStandby(func(b *store.StandbyState, out samples) { flag(out, b.Server != "") })},
	{"umadb_standby_connected", gauge, nil, "Whether a standby reaches its server: 1 if it does, 0 if not.", ofStandby(func(b *store.StandbyState, out samples) { flag(out, b.Connected) })},
	{"umadb_standby_full", gauge, nil, "Whether a standby has stopped following its server for lack of disk space: 1 if it has, 0 if not.", ofStandby(func(b *store.StandbyState, out samples) { flag(out, b.Full) })},
	{"umadb_standby_missing_events", gauge, nil, "Events that the server is known to have and its standby does not.", ofStandby(func(b *store.StandbyState, out samples) { number(out, b.Missing) })},
	{"umadb_standby_lag_seconds", gauge, nil, "Time for which a standby may have been without something that its server has; 0 if it is connected and has everything.", ofStandby(func(b *store.StandbyState, out samples) { number(out, b.Lag.Seconds()) })},
	{"umadb_disk_bytes", gauge, nil, "Bytes of the files of log and index, with the space preallocated in the log.", simple(func(s *snapshot) int64 { return s.store.DiskBytes })},
	{"umadb_disk_reserved_bytes", gauge, nil, "Bytes kept for index blocks that are not written yet, and for compactions.", simple(func(s *snapshot) int64 { return s.store.Disk.ReservedBytes })},
	{"umadb_disk_limit_bytes", gauge, nil, "Bytes that umadb_disk_bytes and umadb_disk_reserved_bytes may reach together (--max-disk); 0 if there is no limit.", simple(func(s *snapshot) int64 { return s.store.Disk.MaxBytes })},
	{"umadb_filesystem_free_bytes", gauge, nil, "Free bytes of the file system of the store. If log and index are in two, it is the one with less. Absent if unknown.", func(s *snapshot, out samples) {
		if disk := &s.store.Disk; disk.FileSystemBytes > 0 {
			number(out, disk.FreeBytes)
		}
	}},
	{"umadb_filesystem_size_bytes", gauge, nil, "Bytes of the same file system.", func(s *snapshot, out samples) {
		if disk := &s.store.Disk; disk.FileSystemBytes > 0 {
			number(out, disk.FileSystemBytes)
		}
	}},
	{"umadb_log_bytes", gauge, nil, "Bytes of the log up to the end of the last group.", simple(func(s *snapshot) int64 { return s.store.Log.Bytes })},
	{"umadb_log_segments", gauge, nil, "Segments of the log, each a file.", simple(func(s *snapshot) int { return s.store.Log.Segments })},

	{"umadb_index_blocks", gauge, nil, "Index blocks, each a file.", simple(func(s *snapshot) int { return s.store.Index.Blocks })},
	{"umadb_index_bytes", gauge, nil, "Bytes of the index blocks.", simple(func(s *snapshot) int64 { return s.store.Index.BlockBytes })},
	{"umadb_index_head_blocks", gauge, nil, "Blocks of the index in memory that wait to be written to files.", simple(func(s *snapshot) int { return s.store.Index.HeadBlocks })},
	{"umadb_index_head_bytes", gauge, nil, "Memory of the blocks of the index in memory, with the newest.", simple(func(s *snapshot) int { return s.store.Index.HeadBytes })},
	{"umadb_index_head_events", gauge, nil, "Events that no index block has yet.", simple(func(s *snapshot) uint64 { return s.store.Index.HeadEvents })},
	{"umadb_index_corrupt_blocks", gauge, nil, "Corrupt index blocks that wait to be rebuilt.", simple(func(s *snapshot) int { return s.store.Index.CorruptBlocks })},
	{"umadb_index_compactable_blocks", gauge, nil, "Index blocks that could be compacted now.", simple(func(s *snapshot) int { return s.store.Index.CompactionBlocks })},
	{"umadb_index_flushes_total", counter, nil, "Blocks of the index that were written from memory to files.", simple(func(s *snapshot) uint64 { return s.store.Index.Flushed })},
	{"umadb_index_flush_failures_total", counter, nil, "Failed attempts to write a block of the index from memory to a file.", simple(func(s *snapshot) uint64 { return s.store.Index.FlushFailures })},
	{"umadb_index_flush_failing", gauge, nil, "1 if the last attempt to write a block of the index to a file has failed; appends are refused when too many blocks wait.", simpleFlag(func(s *snapshot) bool { return s.store.Index.FlushFailing })},
	{"umadb_index_compactions_total", counter, nil, "Compactions of index blocks.", simple(func(s *snapshot) uint64 { return s.store.Index.Compactions })},
	{"umadb_index_compacted_bytes_total", counter, nil, "Bytes of index blocks written by compactions.", simple(func(s *snapshot) uint64 { return s.store.Index.CompactedBytes })},
	{"umadb_index_rebuilds_total", counter, nil, "Corrupt index blocks that were built again from the log.", simple(func(s *snapshot) uint64 { return s.store.Index.Rebuilt })},

	{"umadb_cache_lookups_total", counter, []string{"result"}, "Lookups in the cache of index pages and events: hit or miss.", func(s *snapshot, out samples) {
		number(out, s.store.Cache.Hits, "hit")
		number(out, s.store.Cache.Misses, "miss")
	}},
	{"umadb_cache_bytes", gauge, nil, "Memory that the cache uses.", simple(func(s *snapshot) int64 { return s.store.Cache.Bytes })},
	{"umadb_cache_limit_bytes", gauge, nil, "Memory that the content of the cache may use.", simple(func(s *snapshot) int64 { return s.store.Cache.Limit })},

	{"umadb_scrub_findings", gauge, []string{"in"}, "How often the scrub in progress, or the last one, whichever found more, has found corruption: in log or index. Corrupt index blocks are rebuilt.", func(s *snapshot, out samples) {
		number(out, s.store.Scrub.LogFindings, "log")
		number(out, s.store.Scrub.IndexFindings, "index")
	}},
	{"umadb_scrub_last_timestamp_seconds", gauge, nil, "When the last scrub of the whole store ended, in seconds since 1970; 0 if there is none.", simpleTime(func(s *snapshot) time.Time { return s.store.Scrub.LastPass })},

	{"umadb_store_calls", gauge, nil, "Calls in the store now. A read is one only while it reads a message.", simple(func(s *snapshot) int64 { return s.store.Calls })},
	{"umadb_store_failed", gauge, nil, "1 if a write or sync has failed, so that no append succeeds until a restart.", simpleFlag(func(s *snapshot) bool { return s.store.Failed })},
}
