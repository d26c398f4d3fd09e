package cli_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/cli"
)

// fetch returns the status and the content of a page, in the format that it has for accept.
func fetch(t *testing.T, url string, accept ...string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Accept"] = accept
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// metricsURL returns the URL of the metrics of a server, without a path.
func metricsURL(t *testing.T, server *process) string {
	t.Helper()
	found := regexp.MustCompile(`serving metrics and health over HTTP","address":"([^"]+)"`).FindStringSubmatch(server.Output.String())
	if found == nil {
		t.Fatalf("the log has no address: %s", server.Output)
	}
	return "http://" + found[1]
}

func TestServeMetrics(t *testing.T) {
	t.Setenv("UMADB_METRICS", "127.0.0.1:0")
	server := start(t, "--db-path", t.TempDir()+"/uma.db")
	pages := metricsURL(t, server)
	head(t, server.address)
	const call = `umadb_rpcs_total{code="OK",method="umadb.v1.DCB/Head"} 1`
	await(t, "the call is counted", func() bool { // which is after its answer
		_, metrics := fetch(t, pages+"/metrics")
		return strings.Contains(metrics, "\n"+call)
	})
	status, metrics := fetch(t, pages+"/metrics")
	for _, line := range []string{
		call,
		`umadb_build_info{commit="`,
		"umadb_ready 1",
		"go_goroutines ",
		"process_cpu_seconds_total ",
	} {
		if status != http.StatusOK || !strings.Contains(metrics, "\n"+line) {
			t.Errorf("status %d, and no line %s", status, line)
		}
	}
	if status, _ := fetch(t, pages+"/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("without --debug profiles have the status %d", status)
	}
	if status, text := fetch(t, pages+"/version"); status != http.StatusOK || !strings.Contains(text, `"version":"`+cli.Version+`"`) {
		t.Errorf("status %d: %s", status, text)
	}
	stop(t, server.Process)
}

func TestMetricsFlagsAreChecked(t *testing.T) {
	dir := t.TempDir() + "/uma.db"
	serve := func(args ...string) (int, string, string) {
		return run(append([]string{"serve", "--listen", "127.0.0.1:0", "--db-path", dir, "--log-level", "error"}, args...)...)
	}
	occupied := occupy(t)
	for _, c := range []struct {
		args []string
		code int
		text []string
	}{
		{[]string{"--metrics", "9464"}, 2, []string{"--metrics", "not an address"}},
		{[]string{"--metrics", "127.0.0.1:none"}, 2, []string{"--metrics", "no valid port"}},
		{[]string{"--metrics", "no host:9464"}, 2, []string{"no host", "choose another address with --metrics"}},
		{[]string{"--metrics", occupied}, 1, []string{occupied, "choose another address with --metrics"}},
		{[]string{"--debug"}, 2, []string{"--debug is given without --metrics"}},
	} {
		code, _, stderr := serve(c.args...)
		wantError(t, code, stderr, c.code, c.text...)
		mustBeAbsent(t, dir)
	}
}
