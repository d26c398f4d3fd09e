package tracing

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
)

const traceID, parentID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

var start = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// appendRecord returns the record of an append of 10 ms that reached the store after 1 ms.
func appendRecord(traceparent string) *server.CallRecord {
	return &server.CallRecord{
		Name: "umadb.v1.DCB/Append", Method: "/umadb.v1.DCB/Append", Peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711}, Key: "orders",
		Start: start, Duration: 10 * time.Millisecond, Code: grpccodes.OK, Events: 2, RequestBytes: 99, Query: "tag=order:1",
		Append:      &record.AppendTimes{Start: start.Add(time.Millisecond), Queue: 2 * time.Millisecond, Write: time.Millisecond, Sync: 3 * time.Millisecond},
		Traceparent: traceparent,
	}
}

// spans returns the spans that a tracer makes of a call.
func spans(t *testing.T, r *server.CallRecord) tracetest.SpanStubs {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	id := newTracer(sdk.NewTracerProvider(sdk.WithSyncer(exporter))).Record(r)
	got := exporter.GetSpans()
	if sampled := len(got) > 0; sampled != (id != "") || sampled && got[0].SpanContext.TraceID().String() != id {
		t.Errorf("trace %q has the spans %v", id, got)
	}
	return got
}

func TestAppendHasSpansOfItsParts(t *testing.T) {
	got := spans(t, appendRecord("00-"+traceID+"-"+parentID+"-01"))
	want := []struct {
		name     string
		from, to time.Duration
	}{
		{"queue", 1 * time.Millisecond, 3 * time.Millisecond},
		{"write", 3 * time.Millisecond, 4 * time.Millisecond},
		{"sync", 4 * time.Millisecond, 7 * time.Millisecond},
		{"umadb.v1.DCB/Append", 0, 10 * time.Millisecond},
	}
	if len(got) != len(want) {
		t.Fatalf("%d spans, want %d: %v", len(got), len(want), got)
	}
	call := got[len(got)-1]
	for i, w := range want {
		s := got[i]
		if s.Name != w.name || !s.StartTime.Equal(start.Add(w.from)) || !s.EndTime.Equal(start.Add(w.to)) {
			t.Errorf("span %s from %v to %v, want %+v", s.Name, s.StartTime.Sub(start), s.EndTime.Sub(start), w)
		}
		if s.SpanContext.TraceID().String() != traceID {
			t.Errorf("span %s belongs to trace %v", s.Name, s.SpanContext.TraceID())
		}
		if i < len(want)-1 && s.Parent.SpanID() != call.SpanContext.SpanID() {
			t.Errorf("span %s is not a part of the call", s.Name)
		}
	}
	if call.Parent.SpanID().String() != parentID || call.SpanKind != trace.SpanKindServer {
		t.Errorf("the span of the call has parent %v and kind %v", call.Parent.SpanID(), call.SpanKind)
	}
	attributes := attribute.NewSet(call.Attributes...)
	for key, want := range map[attribute.Key]any{
		"rpc.system.name": "grpc", "rpc.method": "umadb.v1.DCB/Append", "rpc.response.status_code": "OK",
		"client.address": "127.0.0.1", "client.port": int64(4711),
		"umadb.key": "orders", "umadb.query": "tag=order:1", "umadb.events": int64(2), "umadb.request.bytes": int64(99),
	} {
		if got, _ := attributes.Value(key); got.AsInterface() != want {
			t.Errorf("%s is %v, want %v", key, got.AsInterface(), want)
		}
	}
}

func TestSamplingOfTheCallerIsKept(t *testing.T) {
	if got := spans(t, appendRecord("00-"+traceID+"-"+parentID+"-00")); len(got) != 0 {
		t.Errorf("a call that the caller did not sample has the spans %v", got)
	}
	for _, invalid := range []string{"", "nonsense", "00-" + traceID + "-0000000000000000-01"} {
		got := spans(t, appendRecord(invalid))
		if len(got) != 4 || got[3].Parent.IsValid() || got[3].SpanContext.TraceID().String() == traceID {
			t.Errorf("traceparent %q: the spans are %v", invalid, got)
		}
	}
}

func TestOnlyFailuresOfTheServerAreErrors(t *testing.T) {
	for code, want := range map[grpccodes.Code]codes.Code{
		grpccodes.OK: codes.Unset, grpccodes.FailedPrecondition: codes.Unset, grpccodes.Canceled: codes.Unset,
		grpccodes.PermissionDenied: codes.Unset, grpccodes.Internal: codes.Error, grpccodes.DataLoss: codes.Error,
	} {
		r := &server.CallRecord{Name: "umadb.v1.DCB/Read", Method: "/umadb.v1.DCB/Read", Peer: &net.UnixAddr{Name: "x"}, Start: start, Code: code, Message: "why"}
		got := spans(t, r)
		if len(got) != 1 || got[0].Status.Code != want || (got[0].Status.Description == "why") != (want == codes.Error) {
			t.Errorf("%v: the spans are %+v", code, got)
		}
	}
}

func TestEndpointHasNoPassword(t *testing.T) {
	for _, c := range []struct{ traces, all, protocol, want string }{
		{"", "", "", "localhost:4318"},
		{"", "", "grpc", "localhost:4317"},
		{"", "http://name:secret@collector:4318", "", "http://name:xxxxx@collector:4318"},
		{"https://one", "https://two", "", "https://one"},
		{"http://name:secret@%", "", "", "not a URL"},
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.traces)
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.all)
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", c.protocol)
		if got := Endpoint(); got != c.want {
			t.Errorf("the endpoint is %s, want %s", got, c.want)
		}
	}
}

func TestEnvironmentSelectsTheExporter(t *testing.T) {
	for _, c := range []struct {
		set     map[string]string
		traces  bool
		invalid bool
	}{
		{set: nil},
		{set: map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}},
		{set: map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}},
		{set: map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, traces: true},
		{set: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, traces: true},
		{set: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, traces: true},
		{set: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, invalid: true},
		{set: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, invalid: true},
	} {
		for _, name := range []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
			t.Setenv(name, c.set[name])
		}
		tracer, err := FromEnvironment("1", func() {}, func(error) {})
		if (err != nil) != c.invalid || (tracer != nil) != c.traces {
			t.Errorf("%v: %v, %v", c.set, tracer, err)
		}
		if err := Check(); (err != nil) != c.invalid {
			t.Errorf("%v: the check returns %v", c.set, err)
		}
		if tracer != nil {
			_ = tracer.Shutdown(context.Background()) // nothing to export
		}
	}
}

// failingExporter fails at first.
type failingExporter struct{ failures int }

func (e *failingExporter) ExportSpans(context.Context, []sdk.ReadOnlySpan) error {
	if e.failures--; e.failures >= 0 {
		return errors.New("no collector")
	}
	return nil
}

func (*failingExporter) Shutdown(context.Context) error { return nil }

func TestFirstExportIsReported(t *testing.T) {
	reported := 0
	r := &reporter{SpanExporter: &failingExporter{failures: 2}, exported: func() { reported++ }}
	for i, want := range []int{0, 0, 1, 1} {
		err := r.ExportSpans(t.Context(), nil)
		if reported != want || (err != nil) != (want == 0) {
			t.Errorf("after export %d: %d reports, %v", i+1, reported, err)
		}
	}
}

// The SDK would log headers that it cannot parse, and endpoints, which contain secrets.
func TestIgnoredVariablesAreReportedWithoutTheirValues(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        []string
	}{
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret", nil},
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer secret", []string{"cannot parse headers"}},
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret%", []string{"cannot escape header value"}},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://name:secret@%", []string{"cannot parse url"}},
	} {
		t.Run(c.value, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
			t.Setenv(c.name, c.value)
			tracer, err := FromEnvironment("1", func() {}, func(error) {})
			if err != nil {
				t.Fatal(err)
			}
			defer tracer.Shutdown(context.Background()) // nothing to export
			if got := tracer.Ignored(); !slices.Equal(got, c.want) {
				t.Errorf("reported is %q, want %q", got, c.want)
			}
		})
	}
}
