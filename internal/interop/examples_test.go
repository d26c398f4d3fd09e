package interop_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestExamplesOfTheCommands types each example of each command, those that
// `umadb COMMAND --help` shows: with a server that has some events, the same
// events in ./uma.db, and files with them.
func TestExamplesOfTheCommands(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(repository(), "docs", "cli", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("there are no pages in docs/cli: %v", err)
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
	// something is a promise that one line keeps, whatever follows.
	something = "……\n…\n"
	// following is what an import says from when on Ctrl-C is a good end.
	following = "…\n…; following until Ctrl-C\n…\n"
)

func tryExample(t *testing.T, page, line string) {
	r := newReader(t, page)
	r.environment = append(r.environment, "HOME="+r.dir)
	r.save("events.ndjson", exampleEvents())
	r.save("key", "umadb:example-api-key-4f7c2b1d9e5f4a038c1a\n")
	r.typeInMain(0, "mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions")
	r.typeInMain(0, "umadb append --batch 1000 --db-path ./uma.db < events.ndjson; cp -a ./uma.db ./served.db")
	if strings.Contains(line, "import events.ndjson.zst") {
		r.typeInMain(0, "umadb export --db-path ./uma.db --output events.ndjson.zst")
	}
	line = r.ports.Replace(strings.NewReplacer("http://other:", "http://127.0.0.1:", "${fpath[1]}", "$HOME").Replace(line))
	words := strings.Fields(line)
	if slices.Contains(words, "serve") || strings.HasPrefix(words[1], "-") {
		r.typeInOther("example server", line)
		return // the cleanup presses Ctrl-C
	}
	r.typeInOther("server", "umadb serve --db-path ./served.db")
	if !slices.Contains(words, "subscribe") && !slices.Contains(words, "--follow") {
		r.typeInMain(0, line)
		return
	}
	r.typeInOther("example", line)
	example, promise := r.terminals[len(r.terminals)-1], something
	if slices.Contains(words, "import") {
		promise = following
	}
	if !example.shows(promise) {
		t.Errorf("%s promises\n%s\nbut the output is\n%s", line, promise, example.screen.String())
	}
}

// exampleEvents are so many that there is something behind the positions that
// examples name, but nothing that makes their conditions fail.
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
