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

// windows are the ranges of the rules and how long they are here. In each must be several scrapes,
// even on a busy machine. In those of 20 seconds, something happens a few times.
var windows = map[string]string{"5m": "6s", "15m": "20s", "1h": "20s", "6h": "20s", "26h": "10s", "8d": "2m"}

// dashboardWindow is the range of the queries of the dashboard.
const dashboardWindow = "6s"

// shorten returns the rules with seconds instead of minutes, hours and days.
func shorten(t *testing.T, rules string) string {
	t.Helper()
	rules = regexp.MustCompile(`for: \w+`).ReplaceAllString(rules, "for: 0s")
	rules = regexp.MustCompile(`\[\d+[mhd]\]`).ReplaceAllStringFunc(rules, func(window string) string {
		short, known := windows[strings.Trim(window, "[]")]
		if !known {
			t.Errorf("windows has no short range for %s", window)
		}
		return "[" + short + "]"
	})
	for _, lagging := range []string{"umadb_standby_lag_seconds > ", "umadb_shared_lag_seconds > "} {
		if !strings.Contains(rules, lagging+"60\n") {
			t.Errorf("the rules do not contain %s60", lagging)
		}
		rules = strings.Replace(rules, lagging+"60", lagging+"3", 1)
	}
	return rules
}

// startPrometheus starts a Prometheus of servers, by their names.
func startPrometheus(t *testing.T, servers map[string]*monitored) *prometheus {
	t.Helper()
	program, dir := prometheusProgram(t, "prometheus"), t.TempDir()
	rules := shorten(t, readDocument(t, alertRules))
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

// value returns the first number that a query returns, and whether there is one.
func (p *prometheus) value(ctx context.Context, query string) (value string, found bool) {
	var data struct {
		Result []struct{ Value [2]any }
	}
	if !p.get(ctx, "query?query="+url.QueryEscape(query), &data) {
		return "", false
	}
	for _, sample := range data.Result {
		if text, isText := sample.Value[1].(string); isText && text != "NaN" {
			return text, true
		}
	}
	return "", false
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

// mustFind waits until a query returns a number that is wanted, and returns it, or fails with
// what is missing.
func (p *prometheus) mustFind(t *testing.T, query string, wanted func(value string) bool, missing string) (value string) {
	t.Helper()
	await(t, func(ctx context.Context) (found bool) {
		value, found = p.value(ctx, query)
		return found && wanted(value)
	}, func() string { return missing + "; the last value is " + strconv.Quote(value) })
	return value
}

// anyValue wants any number.
func anyValue(string) bool { return true }

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
			query = strings.NewReplacer("$instance", ".+", "$job", ".+", "$__rate_interval", dashboardWindow).Replace(query)
			p.mustFind(t, query, anyValue, "the panel "+strconv.Quote(title)+" has no data: "+query)
		}
	}
}
