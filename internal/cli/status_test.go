package cli_test

import (
	"strings"
	"testing"
)

func TestStatusOfServerWithoutService(t *testing.T) {
	url := serveWithoutAdmin(t, newCountedStore(t))
	code, stdout, stderr := run("status", "--url", url)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, standard error %q", code, stderr)
	}
	for _, line := range []string{"  health            SERVING\n", "  head              7\n", "  version           another: "} {
		if !strings.Contains(stdout, line) {
			t.Errorf("the output lacks %q: %q", line, stdout)
		}
	}
	code, stdout, _ = run("status", "--url", url, "--json", "--sessions")
	if want := `{"url":"` + url + `","health":"SERVING","append_health":"SERVING","head":7}` + "\n"; code != 0 || stdout != want {
		t.Errorf("exit code %d, output %q, want %q", code, stdout, want)
	}
	code, _, stderr = run("top", "--url", url)
	wantError(t, code, stderr, 1, "no service for operators")
}
