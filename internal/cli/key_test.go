package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/cli"
	"github.com/umadb-go/umadb/internal/keyfile"
	"github.com/umadb-go/umadb/internal/server"
)

func TestKeyUsageErrors(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"no command":        {[]string{"key"}, []string{"new, list or revoke", "umadb key --help"}},
		"unknown command":   {[]string{"key", "add"}, []string{`unknown command "add"`, "umadb key --help"}},
		"mistyped command":  {[]string{"key", "revok"}, []string{`did you mean "revoke"?`}},
		"no name":           {[]string{"key", "new", "--rights", "read"}, []string{"--name is missing"}},
		"no rights":         {[]string{"key", "new", "--name", "a"}, []string{"--rights is missing", "read,append,subscribe,tracking,admin"}},
		"mistyped right":    {[]string{"key", "new", "--name", "a", "--rights", "read,apend"}, []string{`--rights cannot be "read,apend"`, `did you mean "append"?`}},
		"invalid name":      {[]string{"key", "new", "--name", "a b", "--rights", "read"}, []string{`--name cannot be "a b"`}},
		"reserved name":     {[]string{"key", "new", "--name", "api-key", "--rights", "read"}, []string{"reserved"}},
		"invalid expiry":    {[]string{"key", "new", "--name", "a", "--rights", "read", "--expires", "soon"}, []string{`--expires cannot be "soon"`, "2027-12-31"}},
		"negative rate":     {[]string{"key", "new", "--name", "a", "--rights", "read", "--bytes-per-second", "-1"}, []string{"above 0"}},
		"empty prefix":      {[]string{"key", "new", "--name", "a", "--rights", "read", "--tag-prefix", ""}, []string{"--tag-prefix is empty"}},
		"revoke, no name":   {[]string{"key", "revoke"}, []string{"the name of one key"}},
		"revoke, two names": {[]string{"key", "revoke", "a", "b"}, []string{"the name of one key"}},
		"empty file":        {[]string{"key", "list", "--file", ""}, []string{"--file is empty"}},
		"list, argument":    {[]string{"key", "list", "x"}, []string{`"umadb key list" does not take the argument "x"`}},
		"serve, empty file": {[]string{"serve", "--keys", ""}, []string{"--keys is empty"}},
		"connections":       {[]string{"serve", "--max-connections", "-1"}, []string{"--max-connections -1"}},
		"streams":           {[]string{"serve", "--max-concurrent-streams", "0"}, []string{"above 0"}},
		"request, no size":  {[]string{"serve", "--max-request-bytes", "much"}, []string{`"much"`, "16MiB"}},
		"request too small": {[]string{"serve", "--max-request-bytes", "100"}, []string{"100", "4KiB"}},
		"request too large": {[]string{"serve", "--max-request-bytes", "2GiB"}, []string{"2GiB", "1GiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			code, stdout, stderr := run(c.args...)
			wantError(t, code, stderr, 2, c.want...)
			if stdout != "" {
				t.Errorf("standard output is %q", stdout)
			}
			if entries, _ := os.ReadDir("."); len(entries) != 0 {
				t.Errorf("a usage error created %v", entries)
			}
		})
	}
}

func TestHelpOfSubcommand(t *testing.T) {
	for _, args := range [][]string{{"help", "key", "new"}, {"key", "new", "--help"}, {"key", "--help"}} {
		if code, stdout, stderr := run(args...); code != 0 || !strings.Contains(stdout, "umadb key new") {
			t.Errorf("%q: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// The file keeps its mode, and a link to it stays one.
func TestKeyFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.toml"), filepath.Join(dir, "keys.toml")
	if err := os.WriteFile(file, []byte("# ours\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.toml", link); err != nil {
		t.Skip(err)
	}
	if code, _, stderr := run("key", "new", "--name", "a", "--rights", "read", "--file", link); code != 0 {
		t.Fatal(stderr)
	}
	info, err := os.Lstat(file)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("the file has the mode %v, %v", info.Mode(), err)
	}
	if content, _ := os.ReadFile(file); !strings.HasPrefix(string(content), "# ours\n") || !strings.Contains(string(content), "name = 'a'") {
		t.Errorf("the file has %q", content)
	}
	if target, err := os.Readlink(link); target != "real.toml" {
		t.Errorf("the link is %q, %v", target, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("the directory has %v", entries)
	}
}

func TestRightsOfFileAreThoseOfServer(t *testing.T) {
	if got := strings.Join(keyfile.Rights, ", "); got != server.AllRights.String() {
		t.Errorf("the file has the rights %s", got)
	}
	k := cli.ServerKey(keyfile.Key{Rights: keyfile.Rights, Name: "a", Certificate: "c", Types: []string{"T"}, TagPrefixes: []string{"p"}, AppendsPerSecond: 1, BytesPerSecond: 2})
	if k.Rights != server.AllRights || k.Name != "a" || k.Certificate != "c" || k.Types[0] != "T" || k.TagPrefixes[0] != "p" || k.AppendsPerSecond != 1 || k.BytesPerSecond != 2 {
		t.Errorf("the key is %+v", k)
	}
}
