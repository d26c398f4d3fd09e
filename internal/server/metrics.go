package server

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/histogram"
)

// Metrics describes what a server does and has done since it was created. Counts never
// decrease.
type Metrics struct {
	Methods []MethodMetrics // by name

	Connections       int    // open now
	MaxConnections    int    // that may be open
	Accepted          uint64 // connections that were accepted, also those that were closed at once
	ReceivedBytes     uint64 // read from connections; with TLS, encrypted
	SentBytes         uint64 // written to connections; with TLS, encrypted
	HealthWatches     int64  // in progress
	AppendsInProgress int64

	Refusals []RefusalMetrics
	Keys     []KeyMetrics // by name
	Memory   []MemoryMetrics

	Forwarded ForwardMetrics
}

// ForwardMetrics is what has become of appends that a Forwarder has passed to another server.
type ForwardMetrics struct {
	OK      uint64 // the other server has answered
	Refused uint64 // it had no effect, and they were committed here
	Broken  uint64 // the connection broke before the answer, or their clients gave up
}

// MethodMetrics describes the calls of one method. All methods that do not exist are one,
// with the name "unknown".
type MethodMetrics struct {
	Method     string // service and method, for example "umadb.v1.DCB/Append"
	InProgress uint64 // calls; a stream is one call
	// Codes are the numbers of calls that ended, by status code.
	Codes map[codes.Code]uint64
	// Duration is of calls that ended, in seconds, from their headers until nothing of them
	// was left.
	Duration histogram.Snapshot
}

// RefusalMetrics is how often the server refused something of one kind, or closed a
// connection. The server logs the same.
type RefusalMetrics struct {
	Kind  string // for example "memory"
	Count uint64
}

// KeyMetrics describes the calls with one API key that have ended.
type KeyMetrics struct {
	Name    string
	OK      uint64
	Refused uint64 // because of its rights, its limits, or a limit of the server
	Failed  uint64 // all others, such as conflicts and calls that were cancelled
}

// MemoryMetrics is a bounded amount of memory that calls use.
type MemoryMetrics struct {
	Of      string // "calls", "requests", "queries", "subscriptions" or "responses"
	Used    int64  // bytes in use
	Limit   int64  // bytes that may be in use
	Waiting int64  // calls that wait for memory
}

// Metrics returns the metrics of the server.
func (s *Server) Metrics() Metrics {
	m := Metrics{
		Connections:       s.conns.count(),
		MaxConnections:    s.options.MaxConnections,
		Accepted:          s.conns.accepted.Load(),
		ReceivedBytes:     s.conns.received.Load(),
		SentBytes:         s.conns.sent.Load(),
		HealthWatches:     s.watches.Load(),
		AppendsInProgress: s.appending.Load(),
		Memory:            s.memoryMetrics(),
	}
	for _, method := range append(slices.Collect(maps.Values(s.methods)), s.unknown) {
		m.Methods = append(m.Methods, method.metrics())
	}
	slices.SortFunc(m.Methods, func(a, b MethodMetrics) int { return cmp.Compare(a.Method, b.Method) })
	for kind := range refusals {
		m.Refusals = append(m.Refusals, RefusalMetrics{refusalKinds[kind].name, s.notices.counts[kind].Load()})
	}
	m.Keys = s.auth.metrics()
	if f := s.options.Forwarder; f != nil {
		m.Forwarded.OK, m.Forwarded.Refused, m.Forwarded.Broken = f.Forwarded()
	}
	return m
}

// metrics returns the metrics of the keys that are valid now.
func (a *authenticator) metrics() (all []KeyMetrics) {
	set := a.current.Load()
	if set == nil {
		return nil
	}
	for name, k := range set.byName {
		all = append(all, KeyMetrics{name, k.usage.ok.Load(), k.usage.refused.Load(), k.usage.failed.Load()})
	}
	slices.SortFunc(all, func(a, b KeyMetrics) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func (s *Server) memoryMetrics() []MemoryMetrics {
	calls := MemoryMetrics{Of: "calls", Limit: s.calls.most}
	for class := range s.calls.used {
		calls.Used += s.calls.used[class].Load()
	}
	metrics := []MemoryMetrics{calls}
	for kind, b := range [budgetKinds]*budget{ofRequests: s.requests, ofQueries: s.queries, ofSubscriptions: s.subscriptions, ofResponses: s.responses} {
		m := MemoryMetrics{Of: budgetNames[kind], Limit: b.size(), Waiting: b.waiting.Load()}
		for p := range b.pools {
			m.Used += b.pools[p].inUse()
		}
		metrics = append(metrics, m)
	}
	return metrics
}

// budgetNames are the names of the budgets in the metrics.
var budgetNames = [budgetKinds]string{"requests", "queries", "subscriptions", "responses"}

// maxCode is the largest code of gRPC.
const maxCode = codes.Unauthenticated

// servedMethod is a method of a server, with its metrics.
type servedMethod struct {
	*method
	name     string
	started  atomic.Uint64
	codes    [maxCode + 1]atomic.Uint64 // calls that ended, by status code
	duration *histogram.Histogram
}

func newServedMethod(name string, m *method) *servedMethod {
	return &servedMethod{method: m, name: name, duration: histogram.New(histogram.Seconds)}
}

// observe counts a call that has ended.
func (m *servedMethod) observe(code codes.Code, duration time.Duration) {
	if code > maxCode {
		code = codes.Unknown
	}
	m.codes[code].Add(1)
	m.duration.ObserveDuration(duration)
}

func (m *servedMethod) metrics() MethodMetrics {
	out := MethodMetrics{Method: m.name, Codes: make(map[codes.Code]uint64), Duration: m.duration.Snapshot()}
	ended := uint64(0)
	for code := range m.codes {
		if n := m.codes[code].Load(); n > 0 {
			out.Codes[codes.Code(code)] = n
			ended += n
		}
	}
	out.InProgress = m.started.Load() - ended // loaded later, so it is not less
	return out
}
