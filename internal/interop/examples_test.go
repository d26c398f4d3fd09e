package interop_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExamplesOfTheCommands executes each example of each command as printed by
// `umadb COMMAND --help`. There is a server with some events, the same events in
// ./uma.db, and files with them.
func TestExamplesOfTheCommands(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(repository(), "docs", "cli", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages in docs/cli: %v", err)
	}
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
					tryExample(t, page, line)
				})
			}
		}
	}
}

const (
	// anyLine matches output of at least one line.
	anyLine = "……\n…\n"
	// followed matches the output of an import that may be interrupted.
	followed = "…\n…; following until Ctrl-C\n…\n"
)

func tryExample(t *testing.T, page, line string) {
	r := newReader(t, page)
	r.environment = append(r.environment, "HOME="+r.dir)
	r.save("events.ndjson", exampleEvents())
	r.save("key", "umadb:example-api-key-4f7c2b1d9e5f4a038c1a\n")
	r.runInMain(0, "mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions")
	r.runInMain(0, "umadb append --batch 1000 --db-path ./uma.db < events.ndjson; cp -a ./uma.db ./served.db")
	if strings.Contains(line, "import events.ndjson.zst") {
		r.runInMain(0, "umadb export --db-path ./uma.db --output events.ndjson.zst")
	}
	line = r.ports.Replace(strings.NewReplacer("http://other:", "http://127.0.0.1:", "${fpath[1]}", "$HOME").Replace(line))
	words := strings.Fields(line)
	if words[1] == "bench" {
		line += " --duration 20ms" // overrides an earlier one
	}
	if slices.Contains(words, "serve") || strings.HasPrefix(words[1], "-") {
		r.runInTerminal("example server", line)
		return // the cleanup presses Ctrl-C
	}
	r.runInTerminal("server", "umadb serve --db-path ./served.db")
	if !slices.Contains(words, "subscribe") && !slices.Contains(words, "--follow") {
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
