package cli_test

import (
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	targets(t, newCountedStore(t), func(t *testing.T, target []string) {
		for _, c := range []struct{ command, stdout, stderr string }{
			{"count", "7\n", ""},
			{"count --type Left", "3\n", ""},
			{"count --type Left --tag n:0", "0\n", ""},
			{"count --tag all --after 5 --json", `{"count":2}` + "\n", ""},
			{"count --tag all --after 100", "0\n", ""},
			{"count --item tag=n:1 --item tag=n:2", "2\n", ""},
			{"count --since 1h", "7\n", ""},
			{"count --until 1h", "0\n", ""},
			{"count --after 3 --until 1h", "0\n", ""},
			{"count --tag absent --explain", "0\n", "umadb: no event has the tag absent\n"},
		} {
			code, stdout, stderr := run(append(strings.Fields(c.command), target...)...)
			if code != 0 || stdout != c.stdout || stderr != c.stderr {
				t.Errorf("%s: exit code %d\n%s%s", c.command, code, stdout, stderr)
			}
		}
	})
	if code, _, stderr := run("count", "--since", "1h", "--until", "2h"); code != 2 || !strings.Contains(stderr, "no event can match") {
		t.Errorf("a time before another: exit code %d: %s", code, stderr)
	}
}
