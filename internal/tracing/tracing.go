package tracing

import (
	"context"
	"net"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/code"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
)

// Tracer exports the spans of calls.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	ignored  []string
}

// FromEnvironment returns a tracer if the environment asks for traces, and otherwise nil.
// version is that of the program. onExport is called once spans have been exported for the
// first time. onError is called with the errors of the exporter, which may be frequent.
// FromEnvironment fails with dcb.ErrInvalidArgument if a variable has a value that is not
// supported.
func FromEnvironment(version string, onExport func(), onError func(error)) (*Tracer, error) {
	ctx := context.Background()
	var exporter sdk.SpanExporter
	ignored, err := collectIgnored(func() (err error) {
		exporter, err = newExporter(ctx)
		return err
	})
	if exporter == nil || err != nil {
		return nil, err
	}
	// The variables OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("umadb"), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, invalidf("the variable OTEL_RESOURCE_ATTRIBUTES cannot be used: %v", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(onError))
	t := newTracer(sdk.NewTracerProvider(sdk.WithBatcher(&reporter{SpanExporter: exporter, exported: onExport}), sdk.WithResource(about)))
	t.ignored = ignored
	return t, nil
}

// Ignored returns what the exporter could not do with its variables, such as "cannot parse
// headers". It continues without them. The texts contain no values.
func (t *Tracer) Ignored() []string { return t.ignored }

func newTracer(provider *sdk.TracerProvider) *Tracer {
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/umadb-go/umadb")}
}

// Shutdown exports the spans that were not exported yet.
func (t *Tracer) Shutdown(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Record makes the spans of a call that has ended. It is a part of the caller's trace if the
// caller has sent one, and is then sampled if the caller's is. Record returns the ID of the
// trace, or "" if the call is not sampled.
func (t *Tracer) Record(r *server.CallRecord) (traceID string) {
	headers := propagation.MapCarrier{"traceparent": r.Traceparent}
	ctx := propagation.TraceContext{}.Extract(context.Background(), headers)
	ctx, span := t.tracer.Start(ctx, r.Name,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(r.Start))
	defer span.End(trace.WithTimestamp(r.Start.Add(r.Duration)))
	if !span.SpanContext().IsSampled() {
		return ""
	}
	span.SetAttributes(attributes(r)...)
	if isServerError(r.Code) {
		span.SetStatus(codes.Error, r.Message)
	}
	if r.Append != nil {
		t.parts(ctx, r.Append)
	}
	return span.SpanContext().TraceID().String()
}

// parts makes the spans of the parts of an append. They follow each other; if the append was
// prechecked again, each is as long as all its repetitions.
func (t *Tracer) parts(ctx context.Context, times *record.AppendTimes) {
	at := times.Start
	for _, part := range []struct {
		name  string
		lasts time.Duration
	}{
		{"precheck", times.Precheck},
		{"queue", times.Queue},
		{"write", times.Write},
		{"sync", times.Sync},
	} {
		if part.lasts <= 0 {
			continue
		}
		_, span := t.tracer.Start(ctx, part.name, trace.WithTimestamp(at))
		at = at.Add(part.lasts)
		span.End(trace.WithTimestamp(at))
	}
}

// attributes returns the attributes of the span of a call. Their names are those of the
// semantic conventions of OpenTelemetry, or begin with "umadb".
func attributes(r *server.CallRecord) []attribute.KeyValue {
	host, port := r.Peer.String(), 0
	if tcp, ok := r.Peer.(*net.TCPAddr); ok {
		host, port = tcp.IP.String(), tcp.Port
	}
	all := []attribute.KeyValue{
		semconv.RPCSystemNameGRPC,
		semconv.RPCMethod(r.Name),
		semconv.RPCMethodOriginal(r.Method),
		semconv.RPCResponseStatusCode(code.Code(r.Code).String()),
		semconv.ClientAddress(host),
		semconv.ClientPort(port),
		semconv.UserAgentOriginal(r.UserAgent),
		attribute.Int("umadb.events", r.Events),
		attribute.Int64("umadb.request.bytes", r.RequestBytes),
		attribute.Int64("umadb.response.bytes", r.ResponseBytes),
	}
	if r.Key != "" {
		all = append(all, attribute.String("umadb.key", r.Key))
	}
	if r.Query != "" {
		all = append(all, attribute.String("umadb.query", r.Query))
	}
	return all
}

// isServerError reports whether a status is a failure of the server, as the semantic
// conventions define it. Others, such as a conflict, are answers.
func isServerError(code grpccodes.Code) bool {
	switch code {
	case grpccodes.Unknown, grpccodes.DeadlineExceeded, grpccodes.Unimplemented, grpccodes.Internal, grpccodes.Unavailable, grpccodes.DataLoss:
		return true
	}
	return false
}
