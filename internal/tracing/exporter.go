package tracing

import (
	"cmp"
	"context"
	"fmt"
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
	endpoint := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	switch {
	case name == "none", name == "" && endpoint == "":
		return nil, nil
	case name != "" && name != "otlp":
		return nil, invalidf("OTEL_TRACES_EXPORTER is %q: it can be otlp or none", name)
	}
	switch protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); protocol {
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	default:
		return nil, invalidf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: it can be http/protobuf or grpc", protocol)
	}
}

func invalidf(format string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf(format, args...)}
}
