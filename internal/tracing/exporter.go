package tracing

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/umadb-go/umadb/dcb"
)

// Check returns an error that matches dcb.ErrInvalidArgument if a variable has a value that is
// not supported.
func Check() error {
	_, err := asksForTraces()
	return err
}

// asksForTraces reports whether the environment asks for traces: they are exported if
// OTEL_TRACES_EXPORTER or an endpoint is set.
func asksForTraces() (bool, error) {
	if off, _ := strconv.ParseBool(os.Getenv("OTEL_SDK_DISABLED")); off {
		return false, nil
	}
	name := os.Getenv("OTEL_TRACES_EXPORTER")
	switch {
	case name == "none", name == "" && configuredEndpoint() == "":
		return false, nil
	case name != "" && name != "otlp":
		return false, invalidf("OTEL_TRACES_EXPORTER is %q: it can be otlp or none", name)
	}
	if protocol := protocol(); protocol != "http/protobuf" && protocol != "grpc" {
		return false, invalidf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: it can be http/protobuf or grpc", protocol)
	}
	return true, nil
}

// newExporter returns the exporter that the environment asks for, or nil if it asks for none.
// The exporters read the other variables, such as the endpoint, headers and certificates,
// themselves.
func newExporter(ctx context.Context) (sdk.SpanExporter, error) {
	wanted, err := asksForTraces()
	switch {
	case err != nil || !wanted:
		return nil, err
	case protocol() == "grpc":
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// reporter is an exporter that reports its first success.
type reporter struct {
	sdk.SpanExporter
	first    sync.Once
	exported func()
}

// ExportSpans implements sdk.SpanExporter.
func (r *reporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		r.first.Do(r.exported)
	}
	return err
}

// protocol returns the protocol of the exporter.
func protocol() string {
	return cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
}

// configuredEndpoint returns the endpoint in the environment, or "".
func configuredEndpoint() string {
	return cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

// Endpoint returns the endpoint to which traces are exported, without a password.
func Endpoint() string {
	endpoint, err := url.Parse(configuredEndpoint())
	switch {
	case err != nil:
		return "not a URL"
	case endpoint.String() != "":
		return endpoint.Redacted()
	case protocol() == "grpc":
		return "localhost:4317"
	}
	return "localhost:4318"
}

func invalidf(format string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf(format, args...)}
}
