package monitoring

import (
	"github.com/umadb-go/umadb/internal/histogram"
	"github.com/umadb-go/umadb/internal/store"
)

// ofShared returns a function that reads the metrics of shared mode. In other modes there are no
// samples.
func ofShared(read func(*store.SharedMetrics, samples)) func(*snapshot, samples) {
	return func(s *snapshot, out samples) {
		if s.store.Shared != nil {
			read(s.store.Shared, out)
		}
	}
}

// sharedNumber returns a function that reads one number of shared mode.
func sharedNumber[T int | int64 | uint64 | float64](value func(*store.SharedMetrics) T) func(*snapshot, samples) {
	return ofShared(func(m *store.SharedMetrics, out samples) { number(out, value(m)) })
}

// sharedBuckets returns a function that reads one histogram of shared mode.
func sharedBuckets(value func(*store.SharedMetrics) histogram.Snapshot) func(*snapshot, samples) {
	return ofShared(func(m *store.SharedMetrics, out samples) { buckets(out, value(m)) })
}

// sharedFamilies are the metrics of a server of a shared log.
var sharedFamilies = []family{
	{"umadb_shared_applied_group", gauge, nil, "The last group that a server of a shared log has. Like all umadb_shared_…, absent without a shared log.", sharedNumber(func(m *store.SharedMetrics) uint64 { return m.Applied })},
	{"umadb_shared_durable_group", gauge, nil, "The last group that a crash cannot lose on this server.", sharedNumber(func(m *store.SharedMetrics) uint64 { return m.Durable })},
	{"umadb_shared_end_group", gauge, nil, "The last group that the shared log is known to have.", sharedNumber(func(m *store.SharedMetrics) uint64 { return m.End })},
	{"umadb_shared_lag_groups", gauge, nil, "Groups that the shared log is known to have and the server does not.", sharedNumber(func(m *store.SharedMetrics) uint64 { return m.End - m.Applied })},
	{"umadb_shared_lag_seconds", gauge, nil, "Time for which the server has been without a group that the shared log was known to have; 0 if it has all.", sharedNumber(func(m *store.SharedMetrics) float64 { return m.Lag.Seconds() })},
	{"umadb_shared_silence_seconds", gauge, nil, "Time since the shared log last answered an append, a report or the question for its end. The server asks every 3 seconds.", sharedNumber(func(m *store.SharedMetrics) float64 { return m.Silence.Seconds() })},
	{"umadb_shared_halted", gauge, []string{"reason"}, "1 if appends and fresh reads fail because the server cannot follow the shared log: divergence, their histories differ; version, it has records of a newer program; trimmed, it no longer has the next group; joining, another server sends what it does not have; disk, there is no space for the next group; other.", ofShared(func(m *store.SharedMetrics, out samples) {
		for _, reason := range store.HaltReasons {
			halted := 0
			if m.HaltReason == reason {
				halted = 1
			}
			number(out, halted, string(reason))
		}
	})},
	{"umadb_shared_writer", gauge, nil, "1 if this server has written the last group that is known, 0 if not.", ofShared(func(m *store.SharedMetrics, out samples) { flag(out, m.Writer.Self) })},
	{"umadb_shared_proposals_total", counter, []string{"outcome"}, "Groups that the server has proposed to the shared log, by outcome: decided; lost, it has another group in their place; unknown_ours and unknown_other, an append had no answer, and the group or another one was found; unresolved, it is not known whether it has the group.", ofShared(func(m *store.SharedMetrics, out samples) {
		number(out, m.Proposals.Decided, "decided")
		number(out, m.Proposals.Lost, "lost")
		number(out, m.Proposals.UnknownOurs, "unknown_ours")
		number(out, m.Proposals.UnknownOther, "unknown_other")
		number(out, m.Proposals.Unresolved, "unresolved")
	})},
	{"umadb_shared_proposal_seconds", distribution, nil, "Time from the first append of a group to the shared log until its outcome was known.", sharedBuckets(func(m *store.SharedMetrics) histogram.Snapshot { return m.Proposals.Seconds })},
	{"umadb_shared_withdrawn_total", counter, nil, "Groups that were withdrawn because the shared log had others in their place.", sharedNumber(func(m *store.SharedMetrics) uint64 { return m.Withdrawn })},
	{"umadb_shared_adopted_bytes_total", counter, []string{"from"}, "Bytes of the groups that the server has taken from others, by where it read them: log, in the shared log; server, at another server, because the shared log no longer had them.", ofShared(func(m *store.SharedMetrics, out samples) {
		number(out, m.AdoptedFromLog, "log")
		number(out, m.AdoptedFromServers, "server")
	})},
	{"umadb_shared_trimmed_group", gauge, nil, "The last group that this server has removed from the shared log; 0 if it has removed none. Only the server that appends removes groups, and only from an engine with little space.", sharedNumber(func(m *store.SharedMetrics) uint64 { return m.Trimmed })},
	{"umadb_shared_forwarded_total", counter, []string{"result"}, "Appends that were passed to the server that appends to the shared log, by result: ok, it has answered; refused, it had no effect, and they were proposed here; broken, the connection broke before the answer, or their clients gave up.", func(s *snapshot, out samples) {
		if s.store.Shared != nil {
			number(out, s.server.Forwarded.OK, "ok")
			number(out, s.server.Forwarded.Refused, "refused")
			number(out, s.server.Forwarded.Broken, "broken")
		}
	}},
	{"umadb_shared_fresh_seconds", distribution, nil, "Time from the start of a fresh read until the server had everything that was in the shared log.", sharedBuckets(func(m *store.SharedMetrics) histogram.Snapshot { return m.Fresh })},
}
