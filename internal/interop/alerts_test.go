package interop_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	alertRules = "deploy/prometheus/rules/umadb.yaml"
	dashboard  = "deploy/grafana/dashboards/umadb.json"
)

// rule is an alert, or a recorded query.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

// readRules returns the rules in a file.
func readRules(t *testing.T, content string) (rules []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(content), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("there are no rules")
	}
	return rules
}

// dashboardQueries returns the queries of all panels, by the titles of their panels.
func dashboardQueries(t *testing.T) map[string][]string {
	t.Helper()
	var board struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readDocument(t, dashboard)), &board); err != nil {
		t.Fatal(err)
	}
	queries := make(map[string][]string)
	for _, panel := range board.Panels {
		if (panel.Type == "row") != (len(panel.Targets) == 0) {
			t.Errorf("the panel %q has %d queries", panel.Title, len(panel.Targets))
		}
		for _, target := range panel.Targets {
			queries[panel.Title] = append(queries[panel.Title], target.Expr)
		}
	}
	return queries
}

// TestEveryAlertIsDescribed compares the sections of docs/alerts.md with the rules.
func TestEveryAlertIsDescribed(t *testing.T) {
	described := make(map[string]bool)
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(readDocument(t, "docs/alerts.md"), -1) {
		described[heading[1]] = false
	}
	for _, r := range readRules(t, readDocument(t, alertRules)) {
		if r.Alert == "" {
			continue
		}
		if _, found := described[r.Alert]; !found {
			t.Errorf("docs/alerts.md does not describe %s", r.Alert)
		}
		described[r.Alert] = true
		if want := "https://github.com/umadb-go/umadb/blob/main/docs/alerts.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("the runbook of %s is %s, want %s", r.Alert, r.Annotations["runbook_url"], want)
		}
		if severity := r.Labels["severity"]; severity != "critical" && severity != "warning" && severity != "info" {
			t.Errorf("the severity of %s is %q", r.Alert, severity)
		}
		if !strings.HasSuffix(r.Annotations["summary"], ".") || !strings.Contains(r.Annotations["description"], "$labels.instance") {
			t.Errorf("%s needs a summary, and a description that names the instance", r.Alert)
		}
	}
	for name, exists := range described {
		if !exists {
			t.Errorf("docs/alerts.md describes %s, which does not exist", name)
		}
	}
}

// TestQueriesUseMetricsThatExist compares the metrics in rules and dashboard with
// docs/metrics.md, which a test of internal/cli compares with the code.
func TestQueriesUseMetricsThatExist(t *testing.T) {
	known := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `(umadb_\\w+)` \\| (\\w+) ").FindAllStringSubmatch(readDocument(t, "docs/metrics.md"), -1) {
		known[row[1]] = true
		if row[2] == "histogram" {
			known[row[1]+"_bucket"], known[row[1]+"_count"], known[row[1]+"_sum"] = true, true, true
		}
	}
	used := make(map[string]string) // metric to where
	note := func(where, query string) {
		for _, found := range regexp.MustCompile(`(^|[^\w:])(umadb_\w+)`).FindAllStringSubmatch(query, -1) {
			used[found[2]] = where
		}
	}
	for _, r := range readRules(t, readDocument(t, alertRules)) {
		note(r.Alert+r.Record, r.Expr)
	}
	for title, queries := range dashboardQueries(t) {
		note("the panel "+title, strings.Join(queries, "\n"))
	}
	for metric, where := range used {
		if !known[metric] {
			t.Errorf("%s uses %s, which does not exist", where, metric)
		}
	}
}

// TestRules runs the tests of the rules, and checks the configurations of Prometheus.
func TestRules(t *testing.T) {
	promtool := prometheusProgram(t, "promtool")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository(), "deploy", "prometheus"))); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) {
		t.Helper()
		cmd := exec.Command(promtool, arguments...)
		cmd.Dir = dir
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, output)
		}
	}
	run("check", "config", "prometheus.yml")
	run("test", "rules", "tests/umadb.yaml", "tests/umadb_days.yaml")
	for _, block := range codeBlocks(t, "docs/monitoring.md") {
		if block.argument == "prometheus.yml" {
			if err := os.WriteFile(filepath.Join(dir, "documented.yml"), []byte(block.text), 0o600); err != nil {
				t.Fatal(err)
			}
			run("check", "config", "documented.yml")
			return
		}
	}
	t.Error("docs/monitoring.md has no prometheus.yml")
}

// TestEveryAlertHasATest checks that the tests of the rules make every alert fire.
func TestEveryAlertHasATest(t *testing.T) {
	tests := readDocument(t, "deploy/prometheus/tests/umadb.yaml") + readDocument(t, "deploy/prometheus/tests/umadb_days.yaml")
	for _, r := range readRules(t, readDocument(t, alertRules)) {
		if fires := `alertname="` + r.Alert + `", severity="` + r.Labels["severity"] + `"`; r.Alert != "" && !strings.Contains(tests, fires) {
			t.Errorf("no test in deploy/prometheus/tests has %s", fires)
		}
	}
}

// prometheusProgram returns the path of a program of Prometheus, or skips the test.
func prometheusProgram(t *testing.T, name string) string {
	t.Helper()
	program, _ := debianProgram(t, name, "prometheus")
	return program
}
