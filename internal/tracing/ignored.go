package tracing

import (
	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// collectIgnored returns what the SDK reports about variables that it cannot use, while
// configure is called. From then on the SDK logs nothing itself: it would write to standard error in a
// format of its own, with the values of the variables, and headers and URLs contain secrets.
func collectIgnored(configure func() error) (ignored []string, err error) {
	sink := new(ignoredSink)
	otel.SetLogger(logr.New(sink))
	defer otel.SetLogger(logr.Discard())
	err = configure()
	return sink.reports, err
}

// ignoredSink collects the messages of errors, and omits the errors themselves and the values,
// which may contain secrets.
type ignoredSink struct{ reports []string }

var _ logr.LogSink = (*ignoredSink)(nil)

// The methods of logr.LogSink. Only errors are collected.
func (*ignoredSink) Init(logr.RuntimeInfo)            {}
func (*ignoredSink) Enabled(int) bool                 { return false }
func (*ignoredSink) Info(int, string, ...any)         {}
func (s *ignoredSink) WithValues(...any) logr.LogSink { return s }
func (s *ignoredSink) WithName(string) logr.LogSink   { return s }
func (s *ignoredSink) Error(_ error, m string, _ ...any) {
	s.reports = append(s.reports, "cannot "+m)
}
