package monitoring_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/monitoring"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// monitored is a server with its monitoring.
type monitored struct {
	store  *store.Store
	server *server.Server
	url    string
	fail   func() // makes the next sync fail
}

// start starts a server of a store in memory, which no client can reach, and its monitoring.
func start(t *testing.T, debug bool) *monitored {
	t.Helper()
	failing := make(chan struct{})
	disk := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
		select {
		case <-failing:
			if op.Kind == "sync" {
				return errors.New("no answer")
			}
		default:
		}
		return nil
	})
	opened, err := store.Open("/store", &store.Options{FS: disk, MaxDiskBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	m := monitor(t, opened, debug)
	m.fail = func() { close(failing) }
	return m
}

// startShared starts a server of a shared log in memory, and its monitoring.
func startShared(t *testing.T) (*monitored, *fakelog.Engine) {
	t.Helper()
	engine := fakelog.New(fakelog.Options{})
	log := engine.Connect()
	if _, err := log.Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	opened, err := store.OpenShared(t.Context(), "/store", &store.Options{FS: vfs.NewMem()}, store.Shared{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return monitor(t, opened, false), engine
}

// monitor starts a server of a store, which no client can reach, and its monitoring.
func monitor(t *testing.T, opened *store.Store, debug bool) *monitored {
	t.Helper()
	srv, err := server.New(opened, server.Options{APIKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := monitoring.Start(listener, monitoring.Options{
		Store: opened, Server: srv, Version: monitoring.Version{Version: "1.2.3", Commit: "abc", Go: "go1"},
		Debug: debug, Exemplars: new(monitoring.Exemplars), Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() {
		m.Stop()
		srv.Shutdown(context.Background())
		opened.Close()
	})
	return &monitored{store: opened, server: srv, url: "http://" + listener.Addr().String()}
}

func (m *monitored) do(t *testing.T, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, m.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(header) == 2 {
		request.Header.Set(header[0], header[1])
	}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

// want checks the status of a page and returns its content.
func (m *monitored) want(t *testing.T, path string, status int) string {
	t.Helper()
	response, content := m.do(t, http.MethodGet, path)
	if response.StatusCode != status {
		t.Errorf("%s has the status %d, want %d: %s", path, response.StatusCode, status, content)
	}
	return content
}

// appendOne appends an event, or fails with an error.
func (m *monitored) appendOne(t *testing.T) error {
	_, err := m.store.Append(t.Context(), []dcb.Event{{Type: "happened"}}, nil, nil)
	return err
}

func TestEveryMetricIsServed(t *testing.T) {
	m := start(t, false)
	if err := m.appendOne(t); err != nil {
		t.Fatal(err)
	}
	served := m.want(t, "/metrics", http.StatusOK)
	// No call has ended, and the file system in memory has no size.
	absent := []string{"umadb_rpc_duration_seconds", "umadb_filesystem_free_bytes", "umadb_filesystem_size_bytes"}
	for _, f := range monitoring.Families() {
		wanted := !slices.Contains(absent, f.Name) && !strings.HasPrefix(f.Name, "umadb_shared_")
		if strings.Contains(served, "\n# TYPE "+f.Name+" "+f.Kind+"\n") != wanted {
			t.Errorf("%s is served: %v", f.Name, !wanted)
		}
		for _, sample := range regexp.MustCompile(`\n`+f.Name+`\{([^}]*)\}`).FindAllStringSubmatch(served, -1) {
			for _, label := range f.Labels {
				if !strings.Contains(sample[1], label+"=") {
					t.Errorf("%s has no label %s", sample[0], label)
				}
			}
		}
	}
	for _, line := range []string{
		`umadb_build_info{commit="abc",go="go1",version="1.2.3"} 1`,
		`umadb_appends_total{outcome="appended"} 1`,
		"umadb_events_appended_total 1",
		"umadb_append_duration_seconds_count 1",
		"umadb_commit_events_bucket{le=\"1\"} 1",
		"umadb_head_position 1",
		"umadb_ready 1",
		"umadb_store_failed 0",
		"umadb_disk_limit_bytes 1.073741824e+09",
		"umadb_certificate_expiry_timestamp_seconds 0",
		`umadb_scrub_findings{in="log"} 0`,
	} {
		if !strings.Contains(served, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}

func TestEveryMetricOfASharedLogIsServed(t *testing.T) {
	m, engine := startShared(t)
	if err := m.appendOne(t); err != nil {
		t.Fatal(err)
	}
	if _, err := m.store.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	engine.SetDown(true) // they are served without the log
	served := m.want(t, "/metrics", http.StatusOK)
	for _, f := range monitoring.Families() {
		if strings.HasPrefix(f.Name, "umadb_shared_") && !strings.Contains(served, "\n# TYPE "+f.Name+" "+f.Kind+"\n") {
			t.Errorf("%s is not served", f.Name)
		}
	}
	for _, line := range []string{
		"umadb_shared_applied_group 1",
		"umadb_shared_end_group 1",
		"umadb_shared_lag_groups 0",
		"umadb_shared_writer 1",
		`umadb_shared_halted{reason="divergence"} 0`,
		`umadb_shared_proposals_total{outcome="decided"} 1`,
		`umadb_shared_proposals_total{outcome="unresolved"} 0`,
		"umadb_shared_proposal_seconds_count 1",
		"umadb_shared_fresh_seconds_count 1",
		`umadb_shared_adopted_bytes_total{from="log"} 0`,
		"umadb_shared_trimmed_group 0",
		`umadb_shared_forwarded_total{result="broken"} 0`,
		"umadb_head_position 1",
	} {
		if !strings.Contains(served, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	engine.SetDown(false)
}

func TestMetricsFollowTheRulesOfPrometheus(t *testing.T) {
	shared, _ := startShared(t)
	for _, m := range []*monitored{start(t, false), shared} {
		problems, err := promlint.New(strings.NewReader(m.want(t, "/metrics", http.StatusOK))).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestOpenMetricsIsNegotiated(t *testing.T) {
	response, content := start(t, false).do(t, http.MethodGet, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text") || !strings.HasSuffix(content, "# EOF\n") {
		t.Errorf("the type is %s", kind)
	}
}

func TestReadinessHasTheReason(t *testing.T) {
	m := start(t, false)
	if text := m.want(t, "/readyz", http.StatusOK); text != "ready\n" {
		t.Errorf("got %q", text)
	}
	m.fail()
	if m.appendOne(t) == nil {
		t.Fatal("the append has succeeded")
	}
	if text := m.want(t, "/readyz", http.StatusServiceUnavailable); !strings.Contains(text, "the store has failed") {
		t.Errorf("got %q", text)
	}
	m.want(t, "/healthz", http.StatusOK)
	if served := m.want(t, "/metrics", http.StatusOK); !strings.Contains(served, "\numadb_ready 0\n") || !strings.Contains(served, "\numadb_store_failed 1\n") {
		t.Error("the metrics do not show the failure")
	}
	m.server.Shutdown(t.Context())
	m.store.Close()
	if text := m.want(t, "/readyz", http.StatusServiceUnavailable); !strings.Contains(text, "stopping") {
		t.Errorf("got %q", text)
	}
	m.want(t, "/metrics", http.StatusOK)
}

func TestProfilesAreServedOnlyForDebugging(t *testing.T) {
	for _, debug := range []bool{false, true} {
		m := start(t, debug)
		status := map[bool]int{false: http.StatusNotFound, true: http.StatusOK}[debug]
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1"} {
			m.want(t, path, status)
		}
		if index := m.want(t, "/", http.StatusOK); strings.Contains(index, "pprof") != debug {
			t.Errorf("debug %v: %s", debug, index)
		}
	}
}

func TestIndexLinksToPages(t *testing.T) {
	m := start(t, true)
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(m.want(t, "/", http.StatusOK), -1)
	if len(links) != 5 {
		t.Errorf("the links are %v", links)
	}
	for _, link := range links {
		m.want(t, link[1], http.StatusOK)
	}
	m.want(t, "/other", http.StatusNotFound)
	if response, _ := m.do(t, http.MethodPost, "/metrics"); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST has the status %d", response.StatusCode)
	}
}

// The arguments of the process may contain the API key.
func TestArgumentsOfTheProcessAreNotServed(t *testing.T) {
	if text := start(t, true).want(t, "/debug/pprof/cmdline", http.StatusOK); text != os.Args[0] {
		t.Errorf("got %q, want %q", text, os.Args[0])
	}
}

// A client that keeps many connections open does not keep probes from being answered.
func TestIdleConnectionsKeepNoOthersOut(t *testing.T) {
	m := start(t, false)
	for range 100 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatalf("a probe is not answered: %v", err)
		}
	}
}

// Clients that connect and send nothing, or a part of a request, do not keep probes from being
// answered, nor do those that do not read the answers.
func TestStuckConnectionsKeepNoOthersOut(t *testing.T) {
	for name, request := range map[string]string{
		"silent":  "",
		"partial": "GET /healthz HTTP/1.1\r\n",
		"unread":  strings.Repeat("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t, false)
			var err error
			for range 5 { // on a busy machine, one may take long
				if err = probeBeside(t, m, request); err == nil {
					return
				}
			}
			t.Errorf("no probe is answered: %v", err)
		})
	}
}

// probeBeside sends a request over many connections, whose answers it does not read, and then a
// probe.
func probeBeside(t *testing.T, m *monitored, request string) error {
	t.Helper()
	for range 200 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, request) // the server may have closed it
	}
	probe := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}} // less than a silent client may take
	answer, err := probe.Get(m.url + "/healthz")
	if err == nil {
		answer.Body.Close()
	}
	return err
}
