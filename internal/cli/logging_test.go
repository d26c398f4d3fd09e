package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestJSONLogEndsWithError(t *testing.T) {
	taken := occupy(t)
	for name, c := range map[string]struct {
		args   []string
		code   int
		reason string
	}{
		"invalid flag":     {[]string{"--tls-key", "key"}, 2, "without --tls-cert"},
		"invalid variable": {[]string{"--listen", "127.0.0.1:0"}, 2, "UMADB_GC_PERCENT"},
		"port in use":      {[]string{"serve", "--gc-percent", "100", "--listen", taken}, 1, taken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if name == "invalid variable" {
				t.Setenv("UMADB_GC_PERCENT", "many")
			}
			code, _, stderr := run(append(c.args, "--log-format", "json", "--read-method", "mmap")...)
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			for _, line := range lines {
				if !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
			var last struct {
				Level, Msg, Reason string
				ExitCode           int `json:"exit_code"`
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
				t.Fatal(err)
			}
			if code != c.code || last.ExitCode != code || last.Level != "ERROR" || last.Msg != "umadb failed" || !strings.Contains(last.Reason, c.reason) {
				t.Errorf("exit code %d, last line %+v", code, last)
			}
		})
	}
}
