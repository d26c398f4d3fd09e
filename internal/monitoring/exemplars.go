package monitoring

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/umadb-go/umadb/internal/histogram"
	"github.com/umadb-go/umadb/internal/server"
)

// Exemplars keeps the last call with a trace of each method and each bucket of
// umadb_rpc_duration_seconds. From a slow bucket of a graph, an operator gets to the trace of
// a call in it. The zero value is empty.
type Exemplars struct {
	mu       sync.Mutex
	byMethod map[string]map[int]prometheus.Exemplar // by bucket; guarded by mu
}

// Add adds a call that has ended, with the ID of its trace.
func (e *Exemplars) Add(r *server.CallRecord, traceID string) {
	method, bucket := r.Name, histogram.Seconds.Bucket(int64(r.Duration))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byMethod == nil {
		e.byMethod = make(map[string]map[int]prometheus.Exemplar)
	}
	if e.byMethod[method] == nil {
		e.byMethod[method] = make(map[int]prometheus.Exemplar)
	}
	e.byMethod[method][bucket] = prometheus.Exemplar{
		Value:     r.Duration.Seconds(),
		Labels:    prometheus.Labels{"trace_id": traceID},
		Timestamp: r.Start.Add(r.Duration),
	}
}

// exemplarAge is the age at which an exemplar is no longer served: its trace may be gone.
const exemplarAge = time.Hour

// of returns the exemplars of a method.
func (e *Exemplars) of(method string) []prometheus.Exemplar {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.byMethod[method], func(_ int, x prometheus.Exemplar) bool { return time.Since(x.Timestamp) > exemplarAge })
	return slices.Collect(maps.Values(e.byMethod[method]))
}
