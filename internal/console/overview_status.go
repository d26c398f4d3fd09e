package console

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/internal/rates"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// statusData is the part of the state that operators see.
type statusData struct {
	Version    string      `json:"version"`
	Started    time.Time   `json:"started"`
	States     []stateData `json:"states,omitempty"` // those that are not usual
	LastCommit time.Time   `json:"last_commit,omitzero"`
	LogBytes   uint64      `json:"log_bytes"`
	DiskBytes  uint64      `json:"disk_bytes"`
	Segments   uint64      `json:"segments"`
	Blocks     uint64      `json:"blocks"`
	Disk       *diskData   `json:"disk,omitempty"`
	Cache      *cacheData  `json:"cache,omitempty"`

	Connections    uint64 `json:"connections"`
	MaxConnections uint64 `json:"max_connections"`
	AppendsWaiting uint64 `json:"appends_waiting"`

	Latencies []latencyData `json:"latencies,omitempty"`
	Rates     *ratesData    `json:"rates,omitempty"`

	Copies []copyData `json:"copies,omitempty"` // those in progress, and the last one
}

// latencyData is the latencies of one kind, of which there were some.
type latencyData struct {
	Of      string  `json:"of"`
	Seconds seconds `json:"in_the_last_seconds,omitempty"` // 0 if since the start
	P50     seconds `json:"p50_seconds"`
	P99     seconds `json:"p99_seconds"`
}

// ratesData is what the server does in a second.
type ratesData struct {
	Seconds       float64 `json:"in_the_last_seconds"`
	Events        float64 `json:"events"`
	Conflicts     float64 `json:"conflicts"`
	LogBytes      float64 `json:"log_bytes"`
	ReceivedBytes float64 `json:"received_bytes"`
	SentBytes     float64 `json:"sent_bytes"`
}

// diskData is the disk space of the store. FreeBytes is 0 if it is not known.
type diskData struct {
	LogBytes        uint64 `json:"log_bytes"` // with preallocated space
	IndexBytes      uint64 `json:"index_bytes"`
	ReservedBytes   uint64 `json:"reserved_bytes,omitempty"`
	MaxBytes        uint64 `json:"max_bytes,omitempty"`
	FreeBytes       uint64 `json:"free_bytes,omitempty"`
	FileSystemBytes uint64 `json:"file_system_bytes,omitempty"`
}

// cacheData is the cache of the index.
type cacheData struct {
	UsedBytes uint64 `json:"used_bytes"`
	MaxBytes  uint64 `json:"max_bytes"`
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"`
}

// copyData is a copy by a client, such as a backup.
type copyData struct {
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"` // zero if it is in progress
	Position uint64    `json:"position"`
	Missing  uint64    `json:"missing"` // events after it
	Follows  bool      `json:"follows,omitempty"`
}

// newStatusData returns the state now. before is the state since which rates are computed, or nil.
func newStatusData(before, now *adminv1.StatusResponse) *statusData {
	st, server := now.GetStore(), now.GetServer()
	d := &statusData{
		Version:        now.GetVersion(),
		Started:        now.GetStarted().AsTime(),
		States:         statesOf(now),
		LastCommit:     timeOf(st.GetLastCommit()),
		LogBytes:       st.GetLogBytes(),
		DiskBytes:      st.GetDiskBytes(),
		Segments:       st.GetSegments(),
		Blocks:         st.GetBlocks(),
		Disk:           newDiskData(st.GetDisk()),
		Cache:          newCacheData(st.GetCache()),
		Connections:    server.GetConnections(),
		MaxConnections: server.GetMaxConnections(),
		AppendsWaiting: st.GetAppends().GetWaiting(),
	}
	for _, c := range st.GetCopies() {
		d.Copies = append(d.Copies, copyData{
			Started: timeOf(c.GetStarted()), Ended: timeOf(c.GetEnded()), Position: c.GetPosition(),
			Missing: max(st.GetHead(), c.GetPosition()) - c.GetPosition(), Follows: c.GetFollows(),
		})
	}
	var r *rates.Rates
	if before != nil {
		r = rates.Between(before, now)
		d.Rates = &ratesData{Seconds: r.Seconds, Events: r.Events, Conflicts: r.Conflicts, LogBytes: r.LogBytes, ReceivedBytes: r.ReceivedBytes, SentBytes: r.SentBytes}
		d.addLatency("append", r.Seconds, r.Latency)
	}
	d.addLatency("append", 0, rates.QuantilesBetween(nil, st.GetAppends().GetLatency()))
	if r != nil {
		d.addLatency("sync of the log", r.Seconds, r.Sync)
	}
	d.addLatency("sync of the log", 0, rates.QuantilesBetween(nil, st.GetAppends().GetSync()))
	return d
}

// addLatency adds the quantiles of an interval, or since the start if that is 0, unless they are of
// nothing.
func (d *statusData) addLatency(of string, interval float64, q rates.Quantiles) {
	if q.P99Seconds > 0 {
		d.Latencies = append(d.Latencies, latencyData{of, seconds(interval), seconds(q.P50Seconds), seconds(q.P99Seconds)})
	}
}

func newDiskData(d *adminv1.DiskStatus) *diskData {
	if d == nil {
		return nil
	}
	return &diskData{d.GetLogBytes(), d.GetIndexBytes(), d.GetReservedBytes(), d.GetMaxBytes(), d.GetFreeBytes(), d.GetFileSystemBytes()}
}

// UsedPercent returns how much of the file system is used, or nothing if it is not known.
func (d *diskData) UsedPercent() string {
	if d.FileSystemBytes == 0 || d.FreeBytes > d.FileSystemBytes {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*float64(d.FileSystemBytes-d.FreeBytes)/float64(d.FileSystemBytes))
}

func newCacheData(c *adminv1.CacheStatus) *cacheData {
	if c == nil {
		return nil
	}
	return &cacheData{c.GetUsedBytes(), c.GetMaxBytes(), c.GetHits(), c.GetMisses()}
}

// Lookups returns the number of lookups.
func (c *cacheData) Lookups() uint64 { return c.Hits + c.Misses }

// HitRate returns the share of lookups that were answered by the cache, or nothing if there was none.
func (c *cacheData) HitRate() string {
	if c.Hits+c.Misses == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(c.Hits)/float64(c.Hits+c.Misses))
}

// timeOf returns the zero time for nil.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// seconds is a duration in seconds.
type seconds float64

// String formats the duration for people.
func (s seconds) String() string {
	const day = 24 * 60 * 60
	switch {
	case s >= 2*day && int64(s)%day == 0:
		return fmt.Sprintf("%d days", int64(s)/day)
	case s >= 120:
		return time.Duration(float64(s) * float64(time.Second)).Round(time.Second).String()
	case s >= 1:
		return fmt.Sprintf("%.1f s", float64(s))
	}
	return fmt.Sprintf("%.3g ms", 1000*float64(s))
}
