package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
)

// targets calls check with the arguments for a store in a directory, and on a server.
func targets(t *testing.T, dir string, check func(t *testing.T, target []string)) {
	t.Helper()
	t.Run("directory", func(t *testing.T) { check(t, []string{"--db-path", dir}) })
	t.Run("server", func(t *testing.T) {
		server := start(t, "--db-path", dir)
		check(t, []string{"--url", "http://" + server.address})
	})
}

func TestTypesAndTags(t *testing.T) {
	targets(t, newCountedStore(t), func(t *testing.T, target []string) {
		for _, c := range []struct{ command, stdout, stderr string }{
			{"types", "4  \"Joined\\x1b[31m\"\n3  Left\n", ""},
			{"types --sort name --limit 1 --json", `{"name":"Joined\u001b[31m","events":4}` + "\n", "umadb: 1 of 2 types; to print more, use --limit or --all\n"},
			{"types --prefix Le", "3  Left\n", ""},
			{"types --count", "2\n", ""},
			{"tags --limit 2", "7  all\n1  n:0\n", "umadb: 2 of 8 tags; to print more, use --limit or --all\n"},
			{"tags --prefix n: --count --json", `{"distinct":7}` + "\n", ""},
			{"tags --prefix n:3 --all", "1  n:3\n", ""},
			{"tags --prefix absent:", "", ""},
		} {
			code, stdout, stderr := run(append(strings.Fields(c.command), target...)...)
			if code != 0 || stdout != c.stdout || stderr != c.stderr {
				t.Errorf("%s: exit code %d\n%s%s", c.command, code, stdout, stderr)
			}
		}
		code, stdout, stderr := run(append([]string{"tags", "--all", "--json"}, target...)...)
		all := map[string]uint64{}
		for line := range strings.Lines(stdout) {
			var tag dcb.TermCount
			if err := json.Unmarshal([]byte(line), &tag); err != nil {
				t.Fatal(err)
			}
			all[tag.Name] = tag.Events
		}
		want := map[string]uint64{"all": 7}
		for i := range 7 {
			want[fmt.Sprint("n:", i)] = 1
		}
		if code != 0 || stderr != "" || !maps.Equal(all, want) {
			t.Errorf("exit code %d: %v\n%s", code, all, stderr)
		}
		if _, stdout, _ := run(append([]string{"tags", "--all", "--limit", "3"}, target...)...); strings.Count(stdout, "\n") != 3 {
			t.Errorf("three tags are %q", stdout)
		}
	})
}

func TestTypesAndTagsRefuseFlags(t *testing.T) {
	for command, want := range map[string]string{
		"types --sort size":      `it must be events or name`,
		"types --limit 0":        "from 1 to 1000",
		"tags --limit 1001":      "from 1 to 1000",
		"tags --all --sort name": "--all and --sort",
		"tags --all --count":     "--count prints one number",
	} {
		if code, _, stderr := run(strings.Fields(command)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d: %s", command, code, stderr)
		}
	}
}

func TestReadExplainsMissingTerms(t *testing.T) {
	targets(t, newCountedStore(t), func(t *testing.T, target []string) {
		for _, c := range []struct{ command, stderr string }{
			{"read --tag custmer:42 --type Left", ""},
			{"read --explain --tag custmer:42 --type Left --tag all", "umadb: no event has the tag custmer:42\n"},
			{"read --explain --item type=Lefft --item tag=none", "umadb: no event has the type Lefft\numadb: no event has the tag none\n"},
			{"read --explain --type Left --tag n:0", "umadb: no event was found, although each type and tag of the query has events\n"},
			{"read --explain --type Left --tag n:6", ""},
			{"read --explain --after 7", ""},
			{"subscribe --explain --limit 1 --item type=Left --item tag=none", "umadb: no event has the tag none\n"},
		} {
			code, _, stderr := run(append(strings.Fields(c.command), target...)...)
			if code != 0 || stderr != c.stderr {
				t.Errorf("%s: exit code %d: %s", c.command, code, stderr)
			}
		}
		many := []string{"read", "--explain"}
		for i := range 15 {
			many = append(many, "--tag", fmt.Sprint("absent:", i))
		}
		if _, _, stderr := run(append(many, target...)...); strings.Count(stderr, "\n") != 11 || !strings.Contains(stderr, "nor any of 5 other") {
			t.Errorf("15 tags that no event has: %s", stderr)
		}
	})
}

func TestTagsOfEmptyStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uma.db")
	store, err := umadb.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := run("tags", "--count", "--db-path", dir); code != 0 || stdout != "0\n" || stderr != "" {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}
