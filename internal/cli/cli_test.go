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

func TestUsageErrors(t *testing.T) {
	file := t.TempDir() + "/never"
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"unknown flag":              {[]string{"--nope"}, []string{"--nope", "umadb --help"}},
		"unknown flag of a command": {[]string{"check", "--nope"}, []string{"--nope", "umadb check --help"}},
		"unknown command":           {[]string{"sevre"}, []string{`"sevre"`, `did you mean "serve"?`}},
		"unknown command, flags":    {[]string{"apend", "--type", "X"}, []string{`unknown command "apend", did you mean "append"?`}},
		"empty command":             {[]string{""}, []string{`unknown command ""; see "umadb --help"`}},
		"help, unknown command":     {[]string{"help", "apend"}, []string{`unknown command "apend", did you mean "append"?`}},
		"help, two commands":        {[]string{"help", "read", "append"}, []string{"one command"}},
		"completion without shell":  {[]string{"completion"}, []string{"bash, zsh, fish, powershell"}},
		"completion, other shell":   {[]string{"completion", "tcsh"}, []string{"bash, zsh, fish, powershell"}},
		"completion, two shells":    {[]string{"completion", "bash", "zsh"}, []string{"bash, zsh, fish, powershell"}},
		"path argument":             {[]string{"check", "./uma.db"}, []string{`"umadb check" does not take the argument "./uma.db", did you mean "--db-path ./uma.db"?`, "umadb check --help"}},
		"directory argument":        {[]string{"read", "."}, []string{`did you mean "--db-path ."?`}},
		"URL argument":              {[]string{"head", "http://x"}, []string{`did you mean "--url http://x"?`}},
		"tag argument":              {[]string{"subscribe", "course:1"}, []string{`did you mean "--tag course:1"?`}},
		"export, file argument":     {[]string{"export", "e.ndjson"}, []string{`did you mean "--output e.ndjson"?`}},
		"append, file argument":     {[]string{"append", "e.ndjson"}, []string{`did you mean "umadb append < e.ndjson"?`}},
		"version, argument":         {[]string{"version", "x"}, []string{`argument "x"; see "umadb version --help"`}},
		"plural of a flag":          {[]string{"read", "--tags", "x"}, []string{`unknown flag "--tags", did you mean "--tag"?`}},
		"flag with one dash":        {[]string{"read", "-tag", "x"}, []string{`unknown flag "-tag", did you mean "--tag"?`}},
		"unknown short flag":        {[]string{"read", "-x"}, []string{`unknown flag "-x"; see`}},
		"alias of a flag":           {[]string{"import", "--url", "http://x"}, []string{`did you mean "--from"?`}},
		"flag without a value":      {[]string{"--listen"}, []string{"--listen"}},
		"address without a port":    {[]string{"--listen", "localhost"}, []string{"localhost", "127.0.0.1:50051"}},
		"address with empty port":   {[]string{"--listen", "localhost:"}, []string{"127.0.0.1:50051"}},
		"empty path":                {[]string{"--db-path", ""}, []string{"--db-path is empty"}},
		"check, empty path":         {[]string{"check", "--db-path", ""}, []string{"--db-path is empty"}},
		"certificate without key":   {[]string{"--tls-cert", file}, []string{"--tls-cert", "without --tls-key"}},
		"key without certificate":   {[]string{"--tls-key", file}, []string{"--tls-key", "without --tls-cert"}},
		"empty API key":             {[]string{"--api-key", ""}, []string{"the API key is empty"}},
		"invalid log format":        {[]string{"--log-format", "xml"}, []string{"text, json"}},
		"invalid log level":         {[]string{"--log-level", "loud"}, []string{"debug, info, warn, error"}},
		"invalid size":              {[]string{"--memory-limit", "lots"}, []string{"512MiB"}},
		"size without a unit":       {[]string{"--memory-limit", "512"}, []string{`"512"`, "16MiB", "512MiB"}},
		"disk limit without a unit": {[]string{"--max-disk", "512"}, []string{`"512"`, "16MiB", "512MiB"}},
		"scrub without a unit":      {[]string{"--scrub", "30"}, []string{`"30"`, "30d", "12h"}},
		"scrub too often":           {[]string{"--scrub", "1m"}, []string{"1h"}},
		"backup without directory":  {[]string{"backup", "--db-path", "x"}, []string{"DIR"}},
		"backup, both sources":      {[]string{"backup", "--db-path", "x", "--url", "http://x", "y"}, []string{"only one"}},
		"backup, invalid rate":      {[]string{"backup", "--rate", "fast", "y"}, []string{"--rate", "512MiB"}},
		"--to with a directory":     {[]string{"backup", "--to", "./copy"}, []string{"./copy", "s3://bucket/prefix", "without --to"}},
		"--to with another store":   {[]string{"backup", "--to", "gs://bucket"}, []string{"gs://bucket", "s3://bucket/prefix"}},
		"backup to another store":   {[]string{"backup", "gs://bucket"}, []string{"gs://bucket", "s3://bucket/prefix"}},
		"restore, another store":    {[]string{"restore", "--from", "gs://bucket", "y"}, []string{"gs://bucket", "s3://bucket/prefix"}},
		"restore without source":    {[]string{"restore", "x"}, []string{"--from is missing"}},
		"restore, no zone":          {[]string{"restore", "--from", "x", "--until", "2026-11-26 14:30:00", "y"}, []string{"without a zone", "2026-11-26T14:30:00Z"}},
		"restore, invalid point":    {[]string{"restore", "--from", "x", "--until", "yesterday", "y"}, []string{"neither a position nor a time"}},
		"restore, position 0":       {[]string{"restore", "--from", "x", "--until", "0", "y"}, []string{"the first position is 1"}},
		"disk limits twice":         {[]string{"--max-disk", "1GiB", "--max-disk-file", "size"}, []string{"--max-disk-file", "only one"}},
		"size too small":            {[]string{"--memory-limit", "15MiB"}, []string{`"15MiB"`, "16MiB"}},
		"API key with a line end":   {[]string{"--api-key", "s3cret\n"}, []string{"API key", "line end"}},
		"API key with a space":      {[]string{"head", "--api-key", "s3cret "}, []string{"API key", "ends with a space"}},
		"missing API key file":      {[]string{"--api-key-file", file}, []string{file, "no such file", "--api-key-file"}},
		"empty file name":           {[]string{"head", "--api-key-file", ""}, []string{"--api-key-file is empty"}},
		"URL, port too large":       {[]string{"head", "--url", "http://localhost:99999"}, []string{"99999", "65535"}},
		"--gc-percent, no number":   {[]string{"--gc-percent", "x"}, []string{"--gc-percent", `"x"`, "a whole number", "umadb --help"}},
		"invalid boolean":           {[]string{"check", "--json=maybe"}, []string{"--json", `"maybe"`, "true or false"}},
		"negative number":           {[]string{"stats", "--top", "-1"}, []string{"--top", `"-1"`, "0 or more"}},
		"number too large":          {[]string{"stats", "--top", "99999999999999999999"}, []string{"--top", "out of range"}},
		"port too large":            {[]string{"--listen", "127.0.0.1:99999"}, []string{`"99999"`, "65535"}},
		"invalid port":              {[]string{"serve", "--listen", ":abc"}, []string{`"abc"`, "65535"}},
		"command after --":          {[]string{"--", "serve"}, []string{"without --", `"umadb serve"`}},
		"unknown command after --":  {[]string{"--", "sevre"}, []string{`did you mean "serve"?`}},
		"--gc-percent 0":            {[]string{"--gc-percent", "0"}, []string{"above 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			code, stdout, stderr := run(c.args...)
			wantError(t, code, stderr, 2, c.want...)
			if stdout != "" {
				t.Errorf("standard output is %q", stdout)
			}
			if strings.Contains(stderr, "s3cret") {
				t.Errorf("standard error contains the key: %q", stderr)
			}
			if strings.Contains(stderr, "strconv") {
				t.Errorf("standard error contains a Go error: %q", stderr)
			}
			if entries, _ := os.ReadDir("."); len(entries) != 0 {
				t.Errorf("a usage error created %v", entries)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	t.Run("invalid value", func(t *testing.T) {
		t.Setenv("UMADB_LOG_FORMAT", "xml")
		code, _, stderr := run()
		wantError(t, code, stderr, 2, "UMADB_LOG_FORMAT", `"xml"`, "text, json")
	})
	t.Run("invalid number", func(t *testing.T) {
		t.Setenv("UMADB_GC_PERCENT", "many")
		code, _, stderr := run()
		wantError(t, code, stderr, 2, "UMADB_GC_PERCENT", `"many"`, "a whole number")
	})
	t.Run("flag has precedence", func(t *testing.T) {
		t.Setenv("UMADB_LISTEN", "here")
		code, _, stderr := run("--listen", "there")
		wantError(t, code, stderr, 2, `"there"`)
	})
	t.Run("empty API key", func(t *testing.T) {
		t.Setenv("UMADB_API_KEY", "")
		code, _, stderr := run()
		wantError(t, code, stderr, 2, "UMADB_API_KEY")
	})
	t.Run("variable of a command", func(t *testing.T) {
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

func TestChangelogStartsWithThisVersion(t *testing.T) {
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (\d\S*)`).FindSubmatch(changelog)
	if newest == nil || string(newest[1]) != cli.Version {
		t.Errorf("CHANGELOG.md starts with %s, the program is %s", newest, cli.Version)
	}
}

func TestEveryCommandIsDescribed(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Example == "" || cmd.RunE == nil {
			t.Errorf("%s lacks a description, an example or an action", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(cli.NewCommand(extensions))
}
