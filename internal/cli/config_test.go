package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/cli"
)

// writeConfig writes a configuration file.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "umadb.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// printedConfig returns the output of umadb serve --print-config.
func printedConfig(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(append([]string{"serve", "--print-config"}, args...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, standard error %q", code, stderr)
	}
	return stdout
}

func TestConfigPrecedence(t *testing.T) {
	file := writeConfig(t, `# comment
listen = "127.0.0.1:1"
gc-percent = 101
log-format = "json"
memory-limit = 536_870_912
`)
	t.Setenv("UMADB_CONFIG", file)
	t.Setenv("UMADB_GC_PERCENT", "102")
	t.Setenv("UMADB_LOG_FORMAT", "text")
	t.Setenv("UMADB_API_KEY", "hidden")
	printed := printedConfig(t, "--log-format=json")
	for _, want := range []string{
		"listen = '127.0.0.1:1' # file " + file + ":2\n",
		"gc-percent = 102 # environment UMADB_GC_PERCENT\n",
		"log-format = 'json' # flag\n",
		"memory-limit = '536870912' # file " + file + ":5\n",
		"db-path = './uma.db' # default\n",
		"# tls-cert = '' # default\n",
		"# api-key = '********' # environment UMADB_API_KEY\n",
	} {
		if !strings.Contains("\n"+printed, "\n"+want) {
			t.Errorf("the output has no line %q:\n%s", want, printed)
		}
	}
	if strings.Contains(printed, "hidden") {
		t.Errorf("the output contains the API key:\n%s", printed)
	}
}

// A printed configuration is a valid file with the same effect.
func TestPrintedConfigIsValid(t *testing.T) {
	level := writeConfig(t, "debug\n")
	for name, args := range map[string][]string{
		"defaults": {},
		"flags":    {"--gc-percent", "300", "--db-path", "it's \"quoted\"\n", "--memory-limit", "1GiB", "--read-method", "x"},
		"excluded": {"--log-level-file", level},
	} {
		t.Run(name, func(t *testing.T) {
			printed := printedConfig(t, args...)
			again := printedConfig(t, "--config", writeConfig(t, printed))
			var want, got map[string]any
			if err := toml.Unmarshal([]byte(printed), &want); err != nil {
				t.Fatal(err)
			}
			if err := toml.Unmarshal([]byte(again), &got); err != nil {
				t.Fatal(err)
			}
			for key := range want {
				if want[key] != got[key] {
					t.Errorf("%s is %v, printed as %v", key, got[key], want[key])
				}
			}
			if len(got) != len(want) || len(got) == 0 {
				t.Errorf("%d settings were printed, and then %d:\n%s\n%s", len(want), len(got), printed, again)
			}
		})
	}
}

// A setting that is given excludes the file's setting of another name.
func TestConfigYieldsToExcludingFlags(t *testing.T) {
	level := writeConfig(t, "warn\n")
	file := writeConfig(t, "log-level = 'debug'\n")
	printed := printedConfig(t, "--config", file, "--log-level-file", level)
	if strings.Contains(printed, "log-level = ") {
		t.Errorf("the file's log level is in effect:\n%s", printed)
	}
	code, _, stderr := run("serve", "--print-config", "--config", writeConfig(t, "log-level = 'debug'\nlog-level-file = 'x'\n"))
	wantError(t, code, stderr, 2, "use only one")
}

func TestConfigRejectsMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown":          {"\nlistn = 'x'\n", []string{":2: ", `"listn"`, `did you mean "listen"?`}},
		"unlike any":       {"nonsense = 1\n", []string{":1: ", `unknown setting "nonsense"; `}},
		"empty name":       {"'' = 1\n", []string{":1: ", `unknown setting ""; `}},
		"underscore":       {"db_path = 'x'\n", []string{":1: ", `did you mean "db-path"?`}},
		"table":            {"gc-percent = 5\n[tls]\ncert = 'x'\n", []string{":2: ", `"tls"`, `"tls-cert" or "tls-key"`}},
		"table of a name":  {"[listen]\n", []string{":1: ", `unknown setting "listen"`}},
		"dotted":           {"tls.cert = 'x'\n", []string{":1: ", `did you mean "tls-cert"?`}},
		"duplicate":        {"listen = '127.0.0.1:1'\nlisten = '127.0.0.1:2'\n", []string{":2: ", "listen"}},
		"syntax":           {"gc-percent = 5\nlisten = \n", []string{":2: "}},
		"number in quotes": {"gc-percent = '5'\n", []string{":1: ", `gc-percent cannot be "5": it must be a whole number, without quotes`}},
		"number as text":   {"db-path = 5\n", []string{":1: ", "db-path cannot be 5: it must be text in quotes"}},
		"fraction":         {"gc-percent = 5.5\n", []string{":1: ", "whole number"}},
		"infinity":         {"gc-percent = inf\n", []string{":1: ", "+Inf"}},
		"list":             {"listen = ['a']\n", []string{":1: ", `["a"]`, "text in quotes"}},
		"date":             {"listen = 1979-05-27\n", []string{":1: ", "text in quotes"}},
		"choice":           {"\n\nlog-level = 'loud'\n", []string{":3: ", "must be one of debug, info"}},
		"custom value":     {"memory-limit = '5'\n", []string{":1: ", "the minimum is 16MiB"}},
		"secret":           {"api-key = 'x'\n", []string{":1: ", "secret", `"api-key-file"`}},
		"flag only":        {"print-config = true\n", []string{":1: ", "only be a flag"}},
		"file in a file":   {"config = 'x'\n", []string{":1: ", "only be a flag"}},
		"invalid address":  {"listen = 'x'\n", []string{`"x" is not an address`}},
	} {
		t.Run(name, func(t *testing.T) {
			file := writeConfig(t, c.text)
			code, stdout, stderr := run("serve", "--print-config", "--config", file)
			if strings.HasPrefix(c.want[0], ":") {
				c.want[0] = file + c.want[0]
			}
			wantError(t, code, stderr, 2, c.want...)
			if stdout != "" {
				t.Errorf("the output is %q", stdout)
			}
		})
	}
	code, _, stderr := run("serve", "--config", filepath.Join(t.TempDir(), "absent.toml"))
	wantError(t, code, stderr, 2, "absent.toml", "--config")
	code, _, stderr = run("serve", "--config", "")
	wantError(t, code, stderr, 2, "--config is empty")
}

// The error is in the format of the log that the file selects.
func TestConfigErrorHasTheFormatOfTheLog(t *testing.T) {
	code, _, stderr := run("--config", writeConfig(t, "listn = 'x'\nlog-format = 'json'\n"))
	if code != 2 || !strings.HasPrefix(stderr, "{") || !strings.Contains(stderr, `listn`) {
		t.Errorf("exit code %d, standard error %q", code, stderr)
	}
}

func TestServeUsesConfig(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	server := start(t, "serve", "--config", writeConfig(t, "db-path = '"+dir+"'\n"))
	if code, _, stderr := run("head", "--url", "http://"+server.address); code != 0 {
		t.Error(stderr)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}

// TestConfigKnowsEverySecret ensures that a new flag with a secret is marked as one.
func TestConfigKnowsEverySecret(t *testing.T) {
	secretive := regexp.MustCompile(`(?i)password|secret|token|key|credential`)
	for _, cmd := range commands() {
		if cmd.Flags().Lookup("config") == nil {
			continue
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			takes, _ := pflag.UnquoteUsage(f)
			namesFile := takes == "file" || takes == "directory"
			if want := secretive.MatchString(f.Name) && !namesFile && f.Value.Type() == "string"; want != cli.IsSecret(f) {
				t.Errorf("--%s of %q: secret is %t, want %t: mark it with secret(), or name a file in its usage", f.Name, cmd.CommandPath(), cli.IsSecret(f), want)
			}
		})
	}
}
