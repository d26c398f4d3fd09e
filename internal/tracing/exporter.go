package tracing

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/umadb-go/umadb/dcb"
)

// newExporter returns the exporter that the environment asks for, or nil if it asks for none:
// traces are exported if OTEL_TRACES_EXPORTER or an endpoint is set. The exporters read the
// other variables, such as the endpoint, headers and certificates, themselves.
func newExporter(ctx context.Context) (sdk.SpanExporter, error) {
	if off, _ := strconv.ParseBool(os.Getenv("OTEL_SDK_DISABLED")); off {
		return nil, nil
	}
	name := os.Getenv("OTEL_TRACES_EXPORTER")
	switch {
	case name == "none", name == "" && configuredEndpoint() == "":
		return nil, nil
	case name != "" && name != "otlp":
		return nil, invalidf("OTEL_TRACES_EXPORTER is %q: it can be otlp or none", name)
	}
	switch protocol := protocol(); protocol {
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	default:
		return nil, invalidf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: it can be http/protobuf or grpc", protocol)
	}
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
