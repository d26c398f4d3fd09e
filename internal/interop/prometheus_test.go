package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// prometheus is a Prometheus with the rules of deploy/prometheus, in which minutes and hours
// are seconds.
type prometheus struct {
	url string
}

// The file system of this machine may be nearly full, so its metrics are dropped.
const prometheusConfiguration = `
global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [rules.yaml]
scrape_configs:
  - job_name: umadb
    metric_relabel_configs:
      - {source_labels: [__name__], regex: umadb_filesystem_.*, action: drop}
    static_configs:
`

// window is the range of all queries, in which several scrapes must be even on a busy machine.
const window = "[6s]"

// startPrometheus starts a Prometheus of servers, by their names.
func startPrometheus(t *testing.T, servers map[string]*monitored) *prometheus {
	t.Helper()
	program, dir := prometheusProgram(t, "prometheus"), t.TempDir()
	rules := regexp.MustCompile(`for: \w+`).ReplaceAllString(readDocument(t, alertRules), "for: 0s")
	rules = regexp.MustCompile(`\[\d+[mhd]\]`).ReplaceAllString(rules, window)
	configuration := prometheusConfiguration
	for name, server := range servers {
		configuration += fmt.Sprintf("      - {targets: [%q], labels: {instance: %q}}\n", server.metrics, name)
	}
	for file, content := range map[string]string{"rules.yaml": rules, "prometheus.yml": configuration} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := servertest.Address(t)
	process, err := servertest.StartListener(t.Context(), exec.Command(program, "--config.file", filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Logf("output of Prometheus:\n%s", process.Output)
		}
	})
	return &prometheus{"http://" + address}
}

// get calls the API of Prometheus. It reports whether there was an answer, since Prometheus
// may not be ready.
func (p *prometheus) get(ctx context.Context, path string, data any) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/"+path, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	answer := struct{ Data any }{data}
	return json.NewDecoder(response.Body).Decode(&answer) == nil && response.StatusCode == http.StatusOK
}

// hasData reports whether a query returns a number.
func (p *prometheus) hasData(ctx context.Context, query string) bool {
	var data struct {
		Result []struct{ Value [2]any }
	}
	if !p.get(ctx, "query?query="+url.QueryEscape(query), &data) {
		return false
	}
	for _, sample := range data.Result {
		if sample.Value[1] != "NaN" {
			return true
		}
	}
	return false
}

// firing is an alert that fires.
type firing struct {
	State               string
	Labels, Annotations map[string]string
}

// alerts returns the alerts of a server that fire, by name and severity as in
// "UmaDBDown critical".
func (p *prometheus) alerts(ctx context.Context, server string) (alerts map[string]firing, known bool) {
	var data struct{ Alerts []firing }
	known = p.get(ctx, "alerts", &data)
	alerts = make(map[string]firing)
	for _, alert := range data.Alerts {
		if alert.State == "firing" && alert.Labels["instance"] == server {
			alerts[alert.Labels["alertname"]+" "+alert.Labels["severity"]] = alert
		}
	}
	return alerts, known
}

// monitored is a server with metrics.
type monitored struct {
	name, dir string
	flags     []string
	metrics   string // address of the metrics, also after a restart
	ca        string // file with the CA certificate, or empty without TLS
	url       string
	process   *servertest.Process
}

// newMonitored returns a server that is not started.
func newMonitored(t *testing.T, name string, flags ...string) *monitored {
	t.Helper()
	return &monitored{name: name, dir: filepath.Join(t.TempDir(), "uma.db"), flags: flags, metrics: servertest.Address(t)}
}

// start starts the server, also again.
func (m *monitored) start(t *testing.T) {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	flags := append([]string{"--db-path", m.dir, "--metrics", m.metrics}, m.flags...)
	process, address, err := servertest.StartOnFreePort(t.Context(), exec.Command(program, flags...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	m.process, m.url = process, "http://"+address
	if m.ca != "" {
		m.url = "https://" + address
	}
}

// dial connects a client to the server.
func (m *monitored) dial(t *testing.T) dcb.EventStore {
	t.Helper()
	store, err := client.Dial(m.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// repeat calls a function again and again until the returned function is called, or the test
// ends.
func repeat(t *testing.T, call func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			call(ctx)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// alertPatience is how long a condition may take until its alert fires or ends.
const alertPatience = time.Minute

// await waits until a condition is true, or fails with what is missing.
func await(t *testing.T, condition func(context.Context) bool, missing func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), alertPatience)
	defer cancel()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for !condition(ctx) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatal(missing())
		}
	}
}

// mustFire waits until alerts fire, and checks their texts.
func (p *prometheus) mustFire(t *testing.T, server *monitored, names ...string) {
	t.Helper()
	for _, name := range names {
		var alerts map[string]firing
		await(t, func(ctx context.Context) bool {
			alerts, _ = p.alerts(ctx, server.name)
			_, found := alerts[name]
			return found
		}, func() string {
			return fmt.Sprintf("%s does not fire; those that do: %q", name, slices.Sorted(maps.Keys(alerts)))
		})
		if text := alerts[name].Annotations["description"]; !strings.Contains(text, server.name) || strings.Contains(text, "<") {
			t.Errorf("the description of %s is %q", name, text)
		}
	}
}

// mustEnd waits until none of some alerts fires.
func (p *prometheus) mustEnd(t *testing.T, server *monitored, names ...string) {
	t.Helper()
	for _, name := range names {
		await(t, func(ctx context.Context) bool {
			alerts, known := p.alerts(ctx, server.name)
			_, found := alerts[name]
			return known && !found
		}, func() string { return name + " still fires" })
	}
}

// mustHaveData waits until every query of the dashboard returns data.
func (p *prometheus) mustHaveData(t *testing.T) {
	t.Helper()
	for title, queries := range dashboardQueries(t) {
		for _, query := range queries {
			query = strings.NewReplacer("$instance", ".+", "$job", ".+", "[$__rate_interval]", window).Replace(query)
			await(t, func(ctx context.Context) bool { return p.hasData(ctx, query) },
				func() string { return "the panel " + strconv.Quote(title) + " has no data: " + query })
		}
	}
}
