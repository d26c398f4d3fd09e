package main

import "time"

// row is one measurement: a workload on a server in a round.
type row struct {
	Group       string `json:"group"`
	Workload    string `json:"workload"`
	Series      string `json:"series"` // workloads that differ only in connections
	Connections int    `json:"connections"`
	Server      string `json:"server"`
	Round       int    `json:"round"`

	figures

	// Until the server was stopped.
	StartSeconds float64 `json:"start_s"`
	PeakBytes    int64   `json:"peak_rss_bytes"`

	// After the server was stopped.
	DiskBytes    int64 `json:"disk_bytes"`
	StoredEvents int64 `json:"stored_events"`

	// Error is why the measurement failed. Unsupported is why this kind of server cannot
	// run the workload.
	Error       string `json:"error,omitempty"`
	Unsupported string `json:"unsupported,omitempty"`
}

// figures are the measurements of a window.
type figures struct {
	Seconds          float64 `json:"seconds"`
	Unit             string  `json:"unit"` // what Count counts
	Count            int64   `json:"count"`
	Calls            int64   `json:"calls"`
	Events           int64   `json:"events"`
	P50Millis        float64 `json:"p50_ms"`
	P99Millis        float64 `json:"p99_ms"`
	MaxMillis        float64 `json:"max_ms"`
	ServerCPUSeconds float64 `json:"server_cpu_s"`
	ClientCPUSeconds float64 `json:"client_cpu_s"`
	BesideCalls      int64   `json:"beside_calls,omitempty"` // of the callers that are not measured
}

// figuresOf returns the figures of a window for workloads of a group.
func figuresOf(seen window, g *group) figures {
	f := figures{
		Seconds: seen.elapsed.Seconds(), Unit: g.unit, Count: seen.events, Calls: seen.calls, Events: seen.events,
		P50Millis:        millis(percentile(seen.latencies, 50)),
		P99Millis:        millis(percentile(seen.latencies, 99)),
		MaxMillis:        millis(percentile(seen.latencies, 100)),
		ServerCPUSeconds: seen.server.Seconds(),
		ClientCPUSeconds: seen.client.Seconds(),
		BesideCalls:      seen.besideCalls,
	}
	if !g.countsEvents() {
		f.Count = seen.calls
	}
	return f
}

func (r row) measured() bool { return r.Error == "" && r.Unsupported == "" }

func (f figures) rate() float64 { return divide(float64(f.Count), f.Seconds) }

func (r row) besideRate() float64 { return divide(float64(r.BesideCalls), r.Seconds) }

func (r row) perCPUSecond() float64 { return divide(float64(r.Count), r.ServerCPUSeconds) }

// cost and clientCost return the CPU time for each one of Count, in microseconds: of the
// server, and of the load generator.
func (r row) cost() float64 { return divide(r.ServerCPUSeconds*1e6, float64(r.Count)) }

func (r row) clientCost() float64 { return divide(r.ClientCPUSeconds*1e6, float64(r.Count)) }

func (r row) diskPerEvent() float64 { return divide(float64(r.DiskBytes), float64(r.StoredEvents)) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
