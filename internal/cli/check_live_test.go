package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
)

// liveReport is the JSON output of check --live.
type liveReport struct {
	OK       bool
	URL      string
	Groups   uint64
	LogBytes int64 `json:"log_bytes"`
	Findings []store.ScrubFinding
	Error    string
}

func TestCheckLive(t *testing.T) {
	dir := newStore(t)
	address := servertest.Address(t)
	p := serveAt(t, address, dir)
	url := "http://" + address
	code, stdout, stderr := run("check", "--live", "--url", url)
	if code != 0 || !strings.HasPrefix(stdout, url+": 4 groups in ") || !strings.HasSuffix(stdout, "no problem found\n") {
		t.Errorf("exit code %d, %s %s", code, stdout, stderr)
	}
	name := filepath.Join(dir, "log", "00000000000000000001.log")
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 150); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = run("check", "--live", "--url", url)
	wantError(t, code, stderr, 6, "1 problem in the store of "+url)
	if !strings.Contains(stdout, name+", byte ") || !strings.Contains(stdout, "umadb repair") {
		t.Errorf("the report is %s", stdout)
	}
	code, stdout, _ = run("check", "--live", "--rate", "1MiB", "--url", url, "--json")
	var r liveReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if code != 6 || r.OK || r.URL != url || len(r.Findings) != 1 || r.Findings[0].File != name {
		t.Errorf("exit code %d, %s", code, stdout)
	}
	stop(t, p)
}

func TestCheckLiveWithoutServer(t *testing.T) {
	url := "http://" + servertest.Address(t)
	code, stdout, stderr := run("check", "--live", "--url", url, "--json")
	wantError(t, code, stderr, 5, "connection refused", "--url")
	var r liveReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || r.OK || r.URL != url || r.Error == "" {
		t.Errorf("the output is %s: %v", stdout, err)
	}
}

// A server without the service causes an error with a remedy.
func TestCheckLiveOfServerWithoutService(t *testing.T) {
	url := serveWithoutAdmin(t, newStore(t))
	code, _, stderr := run("check", "--live", "--url", url)
	wantError(t, code, stderr, 1, "older version", "umadb check --db-path")
}

func TestCheckLiveFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--live", "--db-path", "x"}, "--live and --db-path"},
		{[]string{"--url", "http://localhost"}, "--url is given without --live"},
		{[]string{"--rate", "1MiB"}, "--rate is given without --live"},
	} {
		code, _, stderr := run(append([]string{"check"}, c.args...)...)
		wantError(t, code, stderr, 2, c.want)
	}
	t.Setenv("UMADB_URL", "http://localhost")
	if code, _, stderr := run("check", "--db-path", newStore(t)); code != 0 {
		t.Error(stderr)
	}
}
