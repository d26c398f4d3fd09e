package cli

import (
	"strings"
	"time"

	"github.com/umadb-go/umadb/internal/rates"
)

// topRates is what a server has done between two moments, in JSON.
type topRates struct {
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

	AppendsWaiting     uint64          `json:"appends_waiting"` // for the writer or for the disk
	ConflictsPerSecond float64         `json:"conflicts_per_second"`
	Queue              rates.Quantiles `json:"append_queue"` // time until the group of an append was written
	Sync               rates.Quantiles `json:"commit_sync"`  // time to sync a group

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
	rates.Quantiles
}

// newRates compares two states of a server.
func newRates(url string, before, now *serverState) *topRates {
	s := now.status
	between := rates.Between(before.status, s)
	r := &topRates{
		URL:           url,
		Time:          s.GetNow().AsTime(),
		Health:        now.health.String(),
		AppendHealth:  now.appends.String(),
		Version:       s.GetVersion(),
		UptimeSeconds: s.GetNow().AsTime().Sub(s.GetStarted().AsTime()).Seconds(),

		Head:               s.GetStore().GetHead(),
		EventsPerSecond:    between.Events,
		LogBytes:           s.GetStore().GetLogBytes(),
		LogBytesPerSecond:  between.LogBytes,
		DiskBytes:          s.GetStore().GetDiskBytes(),
		DiskBytesPerSecond: between.DiskBytes,
		Failure:            s.GetStore().GetFailure(),

		AppendsWaiting:     s.GetStore().GetAppends().GetWaiting(),
		ConflictsPerSecond: between.Conflicts,
		Queue:              between.Queue,
		Sync:               between.Sync,

		Connections:            s.GetServer().GetConnections(),
		ReceivedBytesPerSecond: between.ReceivedBytes,
		SentBytesPerSecond:     between.SentBytes,

		Methods:       []methodRate{},
		Subscriptions: now.mostLagging(),
		state:         now,
	}
	for _, m := range between.Methods {
		r.Methods = append(r.Methods, methodRate{m.Method, m.InProgress, m.Calls, m.Failed, m.Durations})
	}
	return r
}

// shortMethod returns the name of a method without the part that all methods of its kind
// share, so that a table fits on a narrow terminal.
func shortMethod(name string) string {
	for _, prefix := range []string{"umadb.v1.DCB/", "umadb.admin.v1.", "grpc.health.v1."} {
		name = strings.TrimPrefix(name, prefix)
	}
	return EscapeControl(name)
}
