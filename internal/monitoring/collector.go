package monitoring

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// collector reads the metrics of a store and its server.
type collector struct {
	options *Options
	descs   []*prometheus.Desc // of families
}

var _ prometheus.Collector = (*collector)(nil)

// newRegistry returns a registry with the metrics of UmaDB, of the Go runtime and of the
// process.
func newRegistry(options *Options) *prometheus.Registry {
	c := &collector{options: options}
	for _, f := range families() {
		c.descs = append(c.descs, prometheus.NewDesc(f.name, f.help, f.labels, nil))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	s := &snapshot{
		store:   c.options.Store.Metrics(),
		server:  c.options.Server.Metrics(),
		ready:   c.options.Server.Ready() == nil,
		traced:  c.options.Exemplars,
		expiry:  c.options.Server.CertificateExpiry(),
		version: c.options.Version,
	}
	for i, f := range families() {
		f.read(s, samples{metrics, c.descs[i], f.kind})
	}
}
