package interop_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestExamplesOfTheCommands executes each example of each command as printed by
// `umadb COMMAND --help`. There is a server with some events, the same events in
// ./uma.db, and files with them.
func TestExamplesOfTheCommands(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(repository(), "docs", "cli", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages in docs/cli: %v", err)
	}
	engine := newEngine(t)
	for _, file := range pages {
		page := "docs/cli/" + filepath.Base(file)
		for _, block := range codeBlocks(t, page) {
			if block.language != "sh" {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(block.text, "\\\n", " ")) {
				line = strings.TrimSpace(line)
				t.Run(line, func(t *testing.T) {
					t.Parallel()
					tryExample(t, engine, page, line)
				})
			}
		}
	}
}

// serverless are the commands that use no server.
var serverless = []string{"cert", "cluster", "key", "repair", "restore"}

// lasts reports whether a command runs until Ctrl-C.
func lasts(words []string) bool {
	return words[1] == "subscribe" || words[1] == "console" || slices.Contains(words, "--follow") || words[1] == "top" && !slices.Contains(words, "--once")
}

// preparations are commands that create what the examples that contain a text need.
var preparations = []struct{ of, commands string }{
	{"import events.ndjson.zst", "umadb export --db-path ./uma.db --output events.ndjson.zst"},
	{"https://", "umadb cert dev certs --host db.example.com && cp certs/* ."},
	{"umadb key ", "umadb key new --name orders --rights read,append > /dev/null"},
	{"key new --name orders", "rm keys.toml"},
	{"restore --from ./backup", "umadb backup --db-path ./uma.db ./backup; rm -r ./uma.db"},
	{"restore --from s3://backups/orders", "umadb backup --db-path ./uma.db ./orders; rm -r ./uma.db"},
	{"repair --db-path ./uma.db --from ./backup.db", "umadb backup --db-path ./uma.db ./backup.db"},
	{"repair --db-path ./uma.db --from s3://backups/orders", "umadb backup --db-path ./uma.db ./orders"},
	{"cluster status", "umadb cluster create --log " + exampleLog + " --from ./uma.db"},
	{"cluster verify", "umadb cluster create --log " + exampleLog + " --from ./uma.db"},
	{"cluster repair", "umadb cluster create --log " + exampleLog + " --from ./uma.db"},
	{"cluster detach", "umadb cluster create --log " + exampleLog + " --from ./uma.db"},
	{"--config umadb.toml", `echo 'log-format = "json"' > umadb.toml`},
}

// placeholders replaces what exists only in an example. A directory takes the place of an
// object store, which has tests of its own in internal/cli.
func placeholders() *strings.Replacer {
	return strings.NewReplacer("http://other:", "http://127.0.0.1:", "db.example.com:", "localhost:", "standby.example.com:", "localhost:", "--to s3://backups/orders", "./orders", "s3://backups/orders", "./orders", "${fpath[1]}", "$HOME",
		"/etc/umadb/", "./", "2026-11-26T14:30:00Z", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

// serverFor returns the command of the server that an example uses.
func serverFor(line string) string {
	command := "umadb serve --db-path ./served.db"
	if strings.Contains(line, "https://") {
		command += " --tls-cert server.pem --tls-key server.key"
	}
	if strings.Contains(line, "--api-key-file key") {
		command += " --api-key-file key"
	}
	return command
}

const (
	// anyLine matches output of at least one line.
	anyLine = "……\n…\n"
	// followed matches the output of an import that may be interrupted.
	followed = "…\n…; following until Ctrl-C\n…\n"
)

func tryExample(t *testing.T, e *engine, page, line string) {
	r := newReader(t, page)
	if strings.Contains(line, exampleLog) || strings.Contains(line, "cluster detach") {
		r.shareLog(e)
	}
	r.environment = append(r.environment, "HOME="+r.dir)
	r.save("events.ndjson", exampleEvents())
	r.save("key", "umadb:example-api-key-4f7c2b1d9e5f4a038c1a\n")
	r.runInMain(0, "mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions")
	r.runInMain(0, "umadb append --batch 1000 --db-path ./uma.db < events.ndjson; cp -a ./uma.db ./served.db")
	for _, p := range preparations {
		if strings.Contains(line, p.of) {
			r.runInMain(0, r.ports.Replace(p.commands))
		}
	}
	line = r.ports.Replace(placeholders().Replace(line))
	if strings.Contains(line, "https://") && !strings.Contains(line, "--ca ") {
		line += " --ca ca.pem"
	}
	words := strings.Fields(line)
	if words[1] == "bench" {
		line += " --duration 20ms" // overrides an earlier one
	}
	if words[1] == "console" {
		line += " --listen 127.0.0.1:0"
	}
	if slices.Contains(words, "--print-config") {
		r.runInMain(0, line)
		return
	}
	if slices.Contains(words, "serve") || strings.HasPrefix(words[1], "-") {
		r.runInTerminal("example server", line)
		return // the cleanup presses Ctrl-C
	}
	if !slices.Contains(serverless, words[1]) || strings.Contains(line, "https://") {
		r.runInTerminal("server", serverFor(line))
	}
	if words[1] == "cluster" && !slices.Contains(words, "create") {
		shareStore(r, strings.Contains(line, "--db-path"))
	}
	if words[1] == "promote" {
		r.runInTerminal("standby server", r.ports.Replace("umadb serve --db-path ./standby.db --listen 127.0.0.1:50052 --standby-of http://127.0.0.1:50051"))
		r.interrupt("standby server")
	}
	if !lasts(words) {
		r.runInMain(0, line)
		return
	}
	r.runInTerminal("example", line)
	example, want := r.terminals[len(r.terminals)-1], anyLine
	if slices.Contains(words, "import") {
		want = followed
	}
	if !example.waitForOutput(want) {
		t.Errorf("%s: output is\n%s\nwant\n%s", line, example.process.Output, want)
	}
}

// shareStore starts a server of a shared log, and stops it if the example uses its directory.
func shareStore(r *reader, stop bool) {
	r.runInTerminal("shared server", r.ports.Replace("umadb serve --db-path ./uma.db --listen 127.0.0.1:50052 --advertise http://127.0.0.1:50052 --log "+exampleLog))
	r.runInMain(0, r.ports.Replace("until umadb cluster status --log "+exampleLog+" | grep -q 127.0.0.1:50052; do sleep 0.1; done"))
	if stop {
		r.interrupt("shared server")
	}
}

// exampleEvents returns more events than the positions in the examples, none of
// which makes the conditions in the examples fail.
func exampleEvents() string {
	var b strings.Builder
	for i := range 1300 {
		course := "course:2"
		if i < 12 {
			course = "course:1"
		}
		fmt.Fprintf(&b, `{"type":"StudentJoined","tags":["%s","student:%d"],"data":{"at":%d}}`+"\n", course, i, i)
	}
	return b.String()
}
