package cli_test

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

// loggedCall is the line of a call in the log in JSON. Durations are in nanoseconds.
type loggedCall struct {
	Level, Msg, Method, Code, Query, Error string
	Duration, Queue, Sync                  time.Duration
	Events                                 int
	TraceID                                string `json:"trace_id"`
}

// nextCall returns the next line of the log that is about a call.
func nextCall(t *testing.T, p *process) loggedCall {
	t.Helper()
	for {
		text := p.nextLine()
		if text == "" {
			t.Fatal("the log has no line about a call")
		}
		var line loggedCall
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.Method != "" {
			return line
		}
	}
}

// appendTwo appends an event, and another one that conflicts with it.
func appendTwo(t *testing.T, address string) {
	t.Helper()
	dial(t, address, func(c *client.Client) {
		events := []dcb.Event{{Type: "Opened", Tags: []string{"account:1"}}}
		none := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"account:1"}}}}}
		if _, err := c.Append(t.Context(), events, none, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Append(t.Context(), events, none, nil); err == nil {
			t.Fatal("there is no conflict")
		}
	})
}

func TestSlowCallsAreLogged(t *testing.T) {
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--slow", "1ns")
	appendTwo(t, server.address)
	first, second := nextCall(t, server), nextCall(t, server)
	if first.Msg != "slow call" || first.Level != "WARN" || first.Method != "/umadb.v1.DCB/Append" || first.Code != "OK" ||
		first.Query != "tag=account:1" || first.Events != 1 || first.Sync <= 0 || first.Sync > first.Duration {
		t.Errorf("the append is logged as %+v", first)
	}
	if second.Code != "FailedPrecondition" || second.Error == "" || second.Events != 0 {
		t.Errorf("the conflict is logged as %+v", second)
	}
}

func TestCallsAreLoggedWhenTheLevelChangesToDebug(t *testing.T) {
	level := filepath.Join(t.TempDir(), "level")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(level, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("info")
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--log-level-file", level, "--slow", "1h")
	reload := func() {
		t.Helper()
		if err := server.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		readLog(t, server, "log level")
	}
	head(t, server.address)
	write("debug")
	reload()
	appendTwo(t, server.address)
	if got := nextCall(t, server); got.Msg != "call" || got.Level != "DEBUG" || got.Method != "/umadb.v1.DCB/Append" {
		t.Errorf("the first call that is logged is %+v", got)
	}
}

func TestTracesAreExported(t *testing.T) {
	received := make(chan *collector.ExportTraceServiceRequest, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := new(collector.ExportTraceServiceRequest)
		if err == nil {
			err = proto.Unmarshal(body, request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("request to %s: %v", r.URL.Path, err)
		}
		received <- request
	}))
	defer endpoint.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.URL)
	t.Setenv("OTEL_SERVICE_NAME", "ledger")
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--metrics", "127.0.0.1:0")
	url := metricsURL(t, server) + "/metrics"
	appendTwo(t, server.address)
	exemplar := regexp.MustCompile(`umadb_rpc_duration_seconds_bucket\{method="umadb.v1.DCB/Append",le="[^"]+"\} 2 # \{trace_id="([0-9a-f]+)"\}`)
	var exemplars []string
	await(t, "the append is an exemplar", func() bool {
		_, metrics := fetch(t, url, "application/openmetrics-text; version=1.0.0")
		exemplars = exemplar.FindStringSubmatch(metrics)
		return len(exemplars) > 0
	})
	stop(t, server.Process) // exports what is left
	if log := restOfLog(server); !strings.Contains(log, `"msg":"exporting traces","endpoint":"`+endpoint.URL) {
		t.Errorf("the log is %q", log)
	}

	var names, traces []string
	service := ""
	for len(received) > 0 {
		for _, spans := range (<-received).ResourceSpans {
			for _, attribute := range spans.Resource.Attributes {
				if attribute.Key == "service.name" {
					service = attribute.Value.GetStringValue()
				}
			}
			for _, scope := range spans.ScopeSpans {
				for _, span := range scope.Spans {
					names, traces = append(names, span.Name), append(traces, hex.EncodeToString(span.TraceId))
				}
			}
		}
	}
	if service != "ledger" || !slices.Contains(names, "umadb.v1.DCB/Append") || !slices.Contains(names, "sync") {
		t.Errorf("service %q exports the spans %q", service, names)
	}
	if !slices.Contains(traces, exemplars[1]) {
		t.Errorf("the exemplar is trace %s, and the traces are %q", exemplars[1], traces)
	}
}

// restOfLog returns the log that was not read yet of a server that has ended.
func restOfLog(p *process) (log string) {
	for line := p.nextLine(); line != ""; line = p.nextLine() {
		log += line
	}
	return log
}

func TestTracesThatAreNotExportedAreNotLoggedAsSuch(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1") // nothing listens there
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"))
	appendTwo(t, server.address)
	stop(t, server.Process)
	if log := restOfLog(server); strings.Contains(log, `"msg":"exporting traces"`) || !strings.Contains(log, "cannot export traces") {
		t.Errorf("the log is %q", log)
	}
}

func TestServeRejectsUnknownExporter(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	code, _, stderr := run("serve", "--db-path", filepath.Join(t.TempDir(), "uma.db"))
	wantError(t, code, stderr, 2, "zipkin", "otlp or none")
}

func TestServeLogsNoSecretsOfOpenTelemetry(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer hunter2")
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"))
	stop(t, server.Process)
	if log := server.Output.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, "a variable of OpenTelemetry is ignored") {
		t.Errorf("the log is %q", log)
	}
}
