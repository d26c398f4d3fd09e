package cli_test

import (
	"encoding/json"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/cli"
)

func TestMistakesAreUsageErrors(t *testing.T) {
	file := t.TempDir() + "/never"
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"an unknown flag":           {[]string{"--nope"}, []string{"--nope", "umadb --help"}},
		"an unknown flag of a verb": {[]string{"check", "--nope"}, []string{"--nope", "umadb check --help"}},
		"an unknown command":        {[]string{"sevre"}, []string{`"sevre"`, `did you mean "serve"?`}},
		"a mistyped one with flags": {[]string{"apend", "--type", "X"}, []string{`there is no command "apend", did you mean "append"?`}},
		"an empty command":          {[]string{""}, []string{`there is no command ""; see "umadb --help"`}},
		"help about no command":     {[]string{"help", "apend"}, []string{`there is no command "apend", did you mean "append"?`}},
		"help about two commands":   {[]string{"help", "read", "append"}, []string{"one command"}},
		"completion of no shell":    {[]string{"completion"}, []string{"bash, zsh, fish, powershell"}},
		"another shell":             {[]string{"completion", "tcsh"}, []string{"bash, zsh, fish, powershell"}},
		"two shells":                {[]string{"completion", "bash", "zsh"}, []string{"bash, zsh, fish, powershell"}},
		"a path as an argument":     {[]string{"check", "./uma.db"}, []string{`"umadb check" takes no argument such as "./uma.db", did you mean "--db-path ./uma.db"?`, "umadb check --help"}},
		"a directory to read":       {[]string{"read", "."}, []string{`did you mean "--db-path ."?`}},
		"a server as an argument":   {[]string{"head", "http://x"}, []string{`did you mean "--url http://x"?`}},
		"a tag as an argument":      {[]string{"subscribe", "course:1"}, []string{`did you mean "--tag course:1"?`}},
		"a file to export to":       {[]string{"export", "e.ndjson"}, []string{`did you mean "--output e.ndjson"?`}},
		"a file to append":          {[]string{"append", "e.ndjson"}, []string{`did you mean "umadb append < e.ndjson"?`}},
		"an argument to a verb":     {[]string{"version", "x"}, []string{`such as "x"; see "umadb version --help"`}},
		"a flag of two":             {[]string{"read", "--tags", "x"}, []string{`there is no flag "--tags", did you mean "--tag"?`}},
		"a flag with one dash":      {[]string{"read", "-tag", "x"}, []string{`there is no flag "-tag", did you mean "--tag"?`}},
		"a short flag":              {[]string{"read", "-x"}, []string{`there is no flag "-x"; see`}},
		"a flag called otherwise":   {[]string{"import", "--url", "http://x"}, []string{`did you mean "--from"?`}},
		"a flag without its value":  {[]string{"--listen"}, []string{"--listen"}},
		"an address without port":   {[]string{"--listen", "localhost"}, []string{"localhost", "127.0.0.1:50051"}},
		"an address with no port":   {[]string{"--listen", "localhost:"}, []string{"127.0.0.1:50051"}},
		"an empty path":             {[]string{"--db-path", ""}, []string{"--db-path is empty"}},
		"an empty path to check":    {[]string{"check", "--db-path", ""}, []string{"--db-path is empty"}},
		"a certificate alone":       {[]string{"--tls-cert", file}, []string{"--tls-cert", "without --tls-key"}},
		"a key alone":               {[]string{"--tls-key", file}, []string{"--tls-key", "without --tls-cert"}},
		"an empty API key":          {[]string{"--api-key", ""}, []string{"the API key is empty"}},
		"a form of log":             {[]string{"--log-format", "xml"}, []string{"text, json"}},
		"a level of log":            {[]string{"--log-level", "loud"}, []string{"debug, info, warn, error"}},
		"a size":                    {[]string{"--memory-limit", "lots"}, []string{"512MiB"}},
		"a size without a unit":     {[]string{"--memory-limit", "512"}, []string{`"512"`, "16MiB", "512MiB"}},
		"a size too small":          {[]string{"--memory-limit", "15MiB"}, []string{`"15MiB"`, "16MiB"}},
		"a key with a line end":     {[]string{"--api-key", "s3cret\n"}, []string{"API key", "line end"}},
		"a key with a blank":        {[]string{"head", "--api-key", "s3cret "}, []string{"API key", "ends with a space"}},
		"no file of a key":          {[]string{"--api-key-file", file}, []string{file, "no such file", "--api-key-file"}},
		"a file without a name":     {[]string{"head", "--api-key-file", ""}, []string{"--api-key-file is empty"}},
		"a port of a URL":           {[]string{"head", "--url", "http://localhost:99999"}, []string{"99999", "65535"}},
		"no target for collection":  {[]string{"--gc-percent", "x"}, []string{"--gc-percent", `"x"`, "a whole number", "umadb --help"}},
		"no switch":                 {[]string{"check", "--json=maybe"}, []string{"--json", `"maybe"`, "true or false"}},
		"a number below 0":          {[]string{"stats", "--top", "-1"}, []string{"--top", `"-1"`, "0 or more"}},
		"a number too large":        {[]string{"stats", "--top", "99999999999999999999"}, []string{"--top", "out of range"}},
		"a port too large":          {[]string{"--listen", "127.0.0.1:99999"}, []string{`"99999"`, "65535"}},
		"a port that is none":       {[]string{"serve", "--listen", ":abc"}, []string{`"abc"`, "65535"}},
		"a command behind --":       {[]string{"--", "serve"}, []string{"without --", `"umadb serve"`}},
		"an unknown one behind --":  {[]string{"--", "sevre"}, []string{`did you mean "serve"?`}},
		"a target for collection":   {[]string{"--gc-percent", "0"}, []string{"above 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			code, stdout, stderr := run(c.args...)
			wantError(t, code, stderr, 2, c.want...)
			if stdout != "" {
				t.Errorf("standard output is %q", stdout)
			}
			if strings.Contains(stderr, "s3cret") {
				t.Errorf("standard error tells the key: %q", stderr)
			}
			if strings.Contains(stderr, "strconv") {
				t.Errorf("standard error speaks of Go: %q", stderr)
			}
			if entries, _ := os.ReadDir("."); len(entries) != 0 {
				t.Errorf("a usage error made %v", entries)
			}
		})
	}
}

func TestVariablesAreFlags(t *testing.T) {
	t.Run("a wrong value names the variable", func(t *testing.T) {
		t.Setenv("UMADB_LOG_FORMAT", "xml")
		code, _, stderr := run()
		wantError(t, code, stderr, 2, "UMADB_LOG_FORMAT", `"xml"`, "text, json")
	})
	t.Run("a wrong number names the variable", func(t *testing.T) {
		t.Setenv("UMADB_GC_PERCENT", "many")
		code, _, stderr := run()
		wantError(t, code, stderr, 2, "UMADB_GC_PERCENT", `"many"`, "a whole number")
	})
	t.Run("the flag wins", func(t *testing.T) {
		t.Setenv("UMADB_LISTEN", "here")
		code, _, stderr := run("--listen", "there")
		wantError(t, code, stderr, 2, `"there"`)
	})
	t.Run("an empty API key is no open door", func(t *testing.T) {
		t.Setenv("UMADB_API_KEY", "")
		code, _, stderr := run()
		wantError(t, code, stderr, 2, "UMADB_API_KEY")
	})
	t.Run("the variables of a verb", func(t *testing.T) {
		t.Setenv("UMADB_JSON", "true")
		code, stdout, _ := run("version")
		if code != 0 || !json.Valid([]byte(stdout)) {
			t.Errorf("exit code %d, output %q", code, stdout)
		}
	})
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"serve", "--help"}, {"check", "--help"}, {"version", "--help"}, {"completion", "--help"}, {"help"}, {"help", "check"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			code, stdout, stderr := run(args...)
			if code != 0 || stderr != "" || !strings.Contains(stdout, "Examples:") {
				t.Errorf("exit code %d, standard error %q, output %q", code, stderr, stdout)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for _, flag := range []string{"-V", "--version"} {
		code, stdout, _ := run(flag)
		if want := "umadb " + cli.Version + "\n"; code != 0 || stdout != want {
			t.Errorf("%s: exit code %d, output %q, want %q", flag, code, stdout, want)
		}
	}
	_, stdout, _ := run("version")
	if !strings.HasPrefix(stdout, "umadb "+cli.Version+" ("+runtime.Version()+", ") {
		t.Errorf("output %q", stdout)
	}
	_, stdout, _ = run("version", "--json")
	var info struct{ Version, Go, Platform string }
	if err := json.Unmarshal([]byte(stdout), &info); err != nil {
		t.Fatal(err)
	}
	if info.Version != cli.Version || info.Go != runtime.Version() || info.Platform != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("output %q", stdout)
	}
}

func TestTheChangelogBeginsWithThisVersion(t *testing.T) {
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (\d\S*)`).FindSubmatch(changelog)
	if newest == nil || string(newest[1]) != cli.Version {
		t.Errorf("CHANGELOG.md begins with %s, the program is %s", newest, cli.Version)
	}
}

func TestEveryVerbIsDescribed(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Example == "" || cmd.RunE == nil {
			t.Errorf("%s lacks a description, an example or an action", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(cli.NewCommand())
}
