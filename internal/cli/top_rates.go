package cli

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// rates is what a server has done between two moments, in JSON.
type rates struct {
	URL           string    `json:"url"`
	Time          time.Time `json:"time"` // by the clock of the server
	Health        string    `json:"health"`
	AppendHealth  string    `json:"append_health"`
	Version       string    `json:"version"`
	UptimeSeconds float64   `json:"uptime_seconds"`

	Head               uint64  `json:"head"`
	EventsPerSecond    float64 `json:"events_per_second"` // appended
	LogBytes           uint64  `json:"log_bytes"`
	LogBytesPerSecond  float64 `json:"log_bytes_per_second"`
	DiskBytes          uint64  `json:"disk_bytes"`
	DiskBytesPerSecond float64 `json:"disk_bytes_per_second"`
	Failure            string  `json:"failure,omitempty"`

	AppendsWaiting     uint64    `json:"appends_waiting"` // for the writer or for the disk
	ConflictsPerSecond float64   `json:"conflicts_per_second"`
	Queue              quantiles `json:"append_queue"` // time until the group of an append was written
	Sync               quantiles `json:"commit_sync"`  // time to sync a group

	Connections            uint64  `json:"connections"`
	ReceivedBytesPerSecond float64 `json:"received_bytes_per_second"`
	SentBytesPerSecond     float64 `json:"sent_bytes_per_second"`

	Methods       []methodRate `json:"methods"`       // that were called
	Subscriptions []callState  `json:"subscriptions"` // those that lag most, at most listedSubscriptions

	state *serverState
}

// methodRate is the calls of a method between two moments.
type methodRate struct {
	Method          string  `json:"method"`
	InProgress      uint64  `json:"in_progress"`
	CallsPerSecond  float64 `json:"calls_per_second"` // that have ended
	FailedPerSecond float64 `json:"failed_per_second"`
	quantiles
}

// quantiles are the durations that half of them, and 99 of 100, did not exceed, within a factor
// of 2; 0 if there were none.
type quantiles struct {
	P50Seconds float64 `json:"p50_seconds"`
	P99Seconds float64 `json:"p99_seconds"`
}

// newRates compares two states of a server. After a restart, all counts start again.
func newRates(url string, before, now *serverState) *rates {
	old, s := before.status, now.status
	if !old.GetStarted().AsTime().Equal(s.GetStarted().AsTime()) {
		old = &adminv1.StatusResponse{Now: s.GetStarted(), Store: proto.CloneOf(s.GetStore())}
		old.Store.Appends = nil // it counts since the start
	}
	seconds := max(s.GetNow().AsTime().Sub(old.GetNow().AsTime()).Seconds(), 0.001)
	per := func(before, now uint64) float64 { return (float64(now) - float64(before)) / seconds }
	r := &rates{
		URL:           url,
		Time:          s.GetNow().AsTime(),
		Health:        now.health.String(),
		AppendHealth:  now.appends.String(),
		Version:       s.GetVersion(),
		UptimeSeconds: s.GetNow().AsTime().Sub(s.GetStarted().AsTime()).Seconds(),

		Head:               s.GetStore().GetHead(),
		EventsPerSecond:    per(old.GetStore().GetHead(), s.GetStore().GetHead()),
		LogBytes:           s.GetStore().GetLogBytes(),
		LogBytesPerSecond:  per(old.GetStore().GetLogBytes(), s.GetStore().GetLogBytes()),
		DiskBytes:          s.GetStore().GetDiskBytes(),
		DiskBytesPerSecond: per(old.GetStore().GetDiskBytes(), s.GetStore().GetDiskBytes()),
		Failure:            s.GetStore().GetFailure(),

		AppendsWaiting:     s.GetStore().GetAppends().GetWaiting(),
		ConflictsPerSecond: per(old.GetStore().GetAppends().GetConflicts(), s.GetStore().GetAppends().GetConflicts()),
		Queue:              quantilesBetween(old.GetStore().GetAppends().GetQueue(), s.GetStore().GetAppends().GetQueue()),
		Sync:               quantilesBetween(old.GetStore().GetAppends().GetSync(), s.GetStore().GetAppends().GetSync()),

		Connections:            s.GetServer().GetConnections(),
		ReceivedBytesPerSecond: per(old.GetServer().GetReceivedBytes(), s.GetServer().GetReceivedBytes()),
		SentBytesPerSecond:     per(old.GetServer().GetSentBytes(), s.GetServer().GetSentBytes()),

		Methods:       []methodRate{},
		Subscriptions: now.mostLagging(),
		state:         now,
	}
	earlier := map[string]*adminv1.MethodStatus{}
	for _, m := range old.GetServer().GetMethods() {
		earlier[m.GetMethod()] = m
	}
	for _, m := range s.GetServer().GetMethods() {
		if m.GetEnded() > 0 || m.GetInProgress() > 0 {
			r.Methods = append(r.Methods, newMethodRate(earlier[m.GetMethod()], m, per))
		}
	}
	return r
}

func newMethodRate(before, now *adminv1.MethodStatus, per func(before, now uint64) float64) methodRate {
	return methodRate{
		Method:          now.GetMethod(),
		InProgress:      now.GetInProgress(),
		CallsPerSecond:  per(before.GetEnded(), now.GetEnded()),
		FailedPerSecond: per(before.GetFailed(), now.GetFailed()),
		quantiles:       quantilesBetween(before.GetDurations(), now.GetDurations()),
	}
}

// quantilesBetween returns the quantiles of what was added to a histogram.
func quantilesBetween(before, now *adminv1.Durations) quantiles {
	counts := slices.Clone(now.GetCounts())
	for i, n := range before.GetCounts() {
		if i < len(counts) {
			counts[i] -= min(n, counts[i])
		}
	}
	return quantiles{quantile(now.GetBounds(), counts, 0.5), quantile(now.GetBounds(), counts, 0.99)}
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

// shortMethod returns the name of a method without the part that all methods of its kind
// share, so that a table fits on a narrow terminal.
func shortMethod(name string) string {
	for _, prefix := range []string{"umadb.v1.DCB/", "umadb.admin.v1.", "grpc.health.v1."} {
		name = strings.TrimPrefix(name, prefix)
	}
	return EscapeControl(name)
}
