// Package rates computes what a server has done between two moments from its answers to Status of
// the service for operators.
package rates

import (
	"slices"

	"google.golang.org/protobuf/proto"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Rates is what a server has done between two moments, per second.
type Rates struct {
	Seconds   float64 // between the moments
	Events    float64 // appended
	Conflicts float64 // appends whose condition failed

	LogBytes, DiskBytes      float64 // growth
	ReceivedBytes, SentBytes float64

	Latency Quantiles // of appends
	Queue   Quantiles // time until the group of an append was written
	Sync    Quantiles // time to sync a group

	Methods []Method // that were called since the start of the server
}

// Method is the calls of a method between two moments.
type Method struct {
	Method     string
	InProgress uint64
	Calls      float64 // per second, that have ended
	Failed     float64 // likewise
	Durations  Quantiles
}

// Quantiles are the durations that half of them, and 99 of 100, did not exceed, within a factor
// of 2; 0 if there were none.
type Quantiles struct {
	P50Seconds float64 `json:"p50_seconds"`
	P99Seconds float64 `json:"p99_seconds"`
}

// Between compares two answers of a server. After a restart, all counts start again.
func Between(before, now *adminv1.StatusResponse) *Rates {
	if !before.GetStarted().AsTime().Equal(now.GetStarted().AsTime()) {
		before = &adminv1.StatusResponse{Now: now.GetStarted(), Store: proto.CloneOf(now.GetStore())}
		if before.Store != nil {
			before.Store.Appends = nil // it counts since the start
		}
	}
	r := &Rates{Seconds: max(now.GetNow().AsTime().Sub(before.GetNow().AsTime()).Seconds(), 0.001)}
	per := func(before, now uint64) float64 { return (float64(now) - float64(before)) / r.Seconds }
	old, s := before.GetStore(), now.GetStore()
	r.Events = per(old.GetHead(), s.GetHead())
	r.LogBytes, r.DiskBytes = per(old.GetLogBytes(), s.GetLogBytes()), per(old.GetDiskBytes(), s.GetDiskBytes())
	r.Conflicts = per(old.GetAppends().GetConflicts(), s.GetAppends().GetConflicts())
	r.Latency = QuantilesBetween(old.GetAppends().GetLatency(), s.GetAppends().GetLatency())
	r.Queue = QuantilesBetween(old.GetAppends().GetQueue(), s.GetAppends().GetQueue())
	r.Sync = QuantilesBetween(old.GetAppends().GetSync(), s.GetAppends().GetSync())
	r.ReceivedBytes = per(before.GetServer().GetReceivedBytes(), now.GetServer().GetReceivedBytes())
	r.SentBytes = per(before.GetServer().GetSentBytes(), now.GetServer().GetSentBytes())
	earlier := map[string]*adminv1.MethodStatus{}
	for _, m := range before.GetServer().GetMethods() {
		earlier[m.GetMethod()] = m
	}
	for _, m := range now.GetServer().GetMethods() {
		if m.GetEnded() > 0 || m.GetInProgress() > 0 {
			e := earlier[m.GetMethod()]
			r.Methods = append(r.Methods, Method{
				Method: m.GetMethod(), InProgress: m.GetInProgress(),
				Calls: per(e.GetEnded(), m.GetEnded()), Failed: per(e.GetFailed(), m.GetFailed()),
				Durations: QuantilesBetween(e.GetDurations(), m.GetDurations()),
			})
		}
	}
	return r
}

// QuantilesBetween returns the quantiles of what was added to a histogram. before may be nil.
func QuantilesBetween(before, now *adminv1.Durations) Quantiles {
	counts := slices.Clone(now.GetCounts())
	for i, n := range before.GetCounts() {
		if i < len(counts) {
			counts[i] -= min(n, counts[i])
		}
	}
	return Quantiles{quantile(now.GetBounds(), counts, 0.5), quantile(now.GetBounds(), counts, 0.99)}
}

// quantile returns the upper bound of the bucket that contains a quantile; the largest bound if
// that bucket has none, and 0 if all buckets are empty.
func quantile(bounds []float64, counts []uint64, q float64) float64 {
	all := uint64(0)
	for _, n := range counts {
		all += n
	}
	seen := uint64(0)
	for i, n := range counts {
		if seen += n; n > 0 && float64(seen) >= q*float64(all) && len(bounds) > 0 {
			return bounds[min(i, len(bounds)-1)]
		}
	}
	return 0
}
