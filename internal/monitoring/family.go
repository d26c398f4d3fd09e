// Package monitoring serves the metrics, the health and the profiles of a running server to
// operators, over HTTP. It is the only package that knows Prometheus.
package monitoring

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/umadb-go/umadb/internal/histogram"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
)

// family is the declaration of a metric, and how it is read.
type family struct {
	name   string
	kind   kind
	labels []string
	help   string
	read   func(*snapshot, samples)
}

// kind is the type of a metric.
type kind string

const (
	counter      kind = "counter"
	gauge        kind = "gauge"
	distribution kind = "histogram"
)

// snapshot is what the metrics are made of.
type snapshot struct {
	store   store.Metrics
	server  server.Metrics
	ready   bool
	traced  *Exemplars
	expiry  time.Time // of the certificate; zero without TLS
	version Version
}

// Families returns the declarations of all metrics of UmaDB, for the documents.
func Families() (all []Family) {
	for _, f := range families() {
		all = append(all, Family{f.name, string(f.kind), f.labels, f.help})
	}
	return all
}

// Family is the declaration of a metric.
type Family struct {
	Name, Kind string
	Labels     []string
	Help       string
}

func families() []family {
	return slices.Concat(storeFamilies, sharedFamilies, serverFamilies)
}

// samples receives the values of a metric.
type samples struct {
	metrics chan<- prometheus.Metric
	desc    *prometheus.Desc
	kind    kind
}

// number adds a value.
func number[T int | int64 | uint64 | float64](s samples, value T, labels ...string) {
	kind := prometheus.GaugeValue
	if s.kind == counter {
		kind = prometheus.CounterValue
	}
	s.metrics <- prometheus.MustNewConstMetric(s.desc, kind, float64(value), labels...)
}

// flag adds 1 for true and 0 for false.
func flag(s samples, value bool) {
	if value {
		number(s, 1)
	} else {
		number(s, 0)
	}
}

// buckets adds a histogram.
func buckets(s samples, h histogram.Snapshot, labels ...string) {
	s.metrics <- constHistogram(s, h, labels...)
}

// tracedBuckets adds a histogram with exemplars.
func tracedBuckets(s samples, h histogram.Snapshot, exemplars []prometheus.Exemplar, labels ...string) {
	if len(exemplars) == 0 {
		buckets(s, h, labels...)
		return
	}
	s.metrics <- prometheus.MustNewMetricWithExemplars(constHistogram(s, h, labels...), exemplars...)
}

func constHistogram(s samples, h histogram.Snapshot, labels ...string) prometheus.Metric {
	cumulative, n := make(map[float64]uint64, len(h.Bounds)), uint64(0)
	for i, bound := range h.Bounds {
		n += h.Counts[i]
		cumulative[bound] = n
	}
	return prometheus.MustNewConstHistogram(s.desc, h.Count(), h.Sum, cumulative, labels...)
}

// simple returns a function that reads one number.
func simple[T int | int64 | uint64 | float64](value func(*snapshot) T) func(*snapshot, samples) {
	return func(s *snapshot, out samples) { number(out, value(s)) }
}

// simpleFlag returns a function that reads one flag.
func simpleFlag(value func(*snapshot) bool) func(*snapshot, samples) {
	return func(s *snapshot, out samples) { flag(out, value(s)) }
}

// simpleTime returns a function that reads one time, in seconds since 1970. The zero time is 0.
func simpleTime(value func(*snapshot) time.Time) func(*snapshot, samples) {
	return simple(func(s *snapshot) float64 {
		at := value(s)
		if at.IsZero() {
			return 0
		}
		return float64(at.UnixNano()) / 1e9
	})
}

// simpleBuckets returns a function that reads one histogram.
func simpleBuckets(value func(*snapshot) histogram.Snapshot) func(*snapshot, samples) {
	return func(s *snapshot, out samples) { buckets(out, value(s)) }
}
