package cli_test

import (
	"strings"
	"testing"
)

// The keys are command lines whose last word is to be completed, the values the replies to
// the shell. The number at the end is what the shell may add: 4 nothing, 16 directories, 0
// files.
func TestCompletion(t *testing.T) {
	for words, want := range map[string]string{
		"a":                   "append\tAppend one event, or many from standard input\n:4\n",
		"serve --log-level ":  "debug\ninfo\nwarn\nerror\n:4\n",
		"serve --log-format ": "text\njson\n:4\n",
		"--log-level=":        "debug\ninfo\nwarn\nerror\n:4\n",
		"serve --db-path ":    ":16\n",
		"check --db-path ":    ":16\n",
		"serve --tls-k":       "--tls-key\tPEM file with the private key of the certificate [env: UMADB_TLS_KEY]\n:4\n",
		"serve --tls-key ":    ":0\n",
		"read --ca ":          ":0\n",
		"export --output ":    ":0\n",
		"export -o ":          ":0\n",
		"append --data-file ": ":0\n",
		"append --type ":      ":4\n",
		"import ":             ":0\n",
		"check ":              ":4\n",
		"completion ":         "bash\nzsh\nfish\npowershell\n:4\n",
		"completion bash ":    ":4\n",
		"help app":            "append\tAppend one event, or many from standard input\n:4\n",
	} {
		code, stdout, _ := run(append([]string{"__complete"}, strings.Split(words, " ")...)...)
		if code != 0 || stdout != want {
			t.Errorf("umadb %s: exit code %d, reply %q, want %q", words, code, stdout, want)
		}
	}
}

func TestCompletionHasNoQuotes(t *testing.T) {
	for _, verb := range []string{"serve", "append", "read", "export", "import", "stats"} {
		if _, stdout, _ := run("__complete", verb, "--"); strings.Contains(stdout, "`") || !strings.Contains(stdout, "--db-path\tdirectory of") {
			t.Errorf("the flags of %s are shown as %q", verb, stdout)
		}
	}
}

func TestCompletionScriptOfEachShell(t *testing.T) {
	for shell, want := range map[string]string{
		"bash":       "complete -o default -F __start_umadb umadb",
		"zsh":        "#compdef umadb",
		"fish":       "complete -c umadb",
		"powershell": "Register-ArgumentCompleter -CommandName 'umadb'",
	} {
		code, stdout, stderr := run("completion", shell)
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit code %d, standard error %q, no %q in the output", shell, code, stderr, want)
		}
	}
}
