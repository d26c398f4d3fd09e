package interop_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guides are the documents with commands that are executed from top to bottom;
// docs/README.md describes how such a page is written.
var guides = []string{
	"README.md",
	"docs/getting-started.md",
	"docs/concepts.md",
	"docs/operations.md",
	"docs/security.md",
	"docs/monitoring.md",
	"docs/recovery.md",
	"docs/backup.md",
	"docs/cluster.md",
	"docs/from-rust.md",
	"docs/embedding.md",
	"docs/go-recipes.md",
	"docs/ndjson.md",
	"docs/tables.md",
	"docs/http.md",
	"docs/grpc.md",
}

// TestDocuments executes the commands in the guides and compares their output with
// the documented output.
func TestDocuments(t *testing.T) {
	for _, page := range guides {
		t.Run(path.Base(page), func(t *testing.T) {
			t.Parallel()
			r := newReader(t, page)
			if strings.Contains(readDocument(t, page), exampleLog) {
				r.shareLog(newEngine(t))
			}
			r.follow(codeBlocks(t, page))
		})
	}
}

func TestContributing(t *testing.T) {
	for _, block := range codeBlocks(t, "CONTRIBUTING.md") {
		for line := range strings.Lines(block.text) {
			wantTarget(t, strings.TrimSpace(line))
		}
	}
}

func TestEveryGuideIsInTheIndex(t *testing.T) {
	index := readDocument(t, "docs/README.md")
	for _, page := range documents(t) {
		if path.Dir(page) == "docs" && path.Base(page) != "README.md" && !strings.Contains(index, "("+path.Base(page)+")") {
			t.Errorf("docs/README.md has no link to %s", page)
		}
	}
}

// link matches a link or a picture. Fragments (after #) are checked in internal/store.
var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

func TestLinksInDocuments(t *testing.T) {
	for _, page := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(readDocument(t, page), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(repository(), filepath.Dir(page), match[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// sourcePath matches the path of a source file or package.
var sourcePath = regexp.MustCompile("`((?:bench|client|cmd|codec|dcb|decide|demo|internal|project|proto|python|server|umadbtest)/[\\w./]+)`")

func TestPathsInDocuments(t *testing.T) {
	for _, page := range documents(t) {
		if strings.HasPrefix(page, "bench/results/") {
			continue // reports of earlier commits
		}
		for _, match := range sourcePath.FindAllStringSubmatch(readDocument(t, page), -1) {
			if _, err := os.Stat(filepath.Join(repository(), match[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// documents returns the paths of all Markdown files of the repository.
func documents(t *testing.T) (pages []string) {
	t.Helper()
	root := os.DirFS(repository())
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && name != "."
		if entry.IsDir() && (hidden || entry.Name() == "testdata" || name == "python/tests/data") {
			return fs.SkipDir
		}
		if path.Ext(name) == ".md" {
			pages = append(pages, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// codeBlock is a fenced block of a document, or a Ctrl-C comment.
type codeBlock struct {
	language string // of the block, or ctrlC
	argument string // after the language: the name of a terminal or a file
	text     string
	line     int
}

// ctrlC begins a comment that means pressing Ctrl-C in a terminal.
const ctrlC = "<!-- Ctrl-C:"

func codeBlocks(t *testing.T, document string) (blocks []codeBlock) {
	t.Helper()
	within, number := false, 0
	for line := range strings.Lines(readDocument(t, document)) {
		number++
		text := strings.TrimRight(line, "\n")
		info, fence := strings.CutPrefix(text, "```")
		terminal, key := strings.CutPrefix(text, ctrlC)
		switch {
		case fence && within:
			within = false
		case fence:
			within = true
			language, argument, _ := strings.Cut(info, " ")
			blocks = append(blocks, codeBlock{language: language, argument: argument, line: number})
		case within:
			blocks[len(blocks)-1].text += line
		case key:
			terminal = strings.TrimSpace(strings.TrimSuffix(terminal, "-->"))
			blocks = append(blocks, codeBlock{language: ctrlC, argument: terminal, line: number})
		}
	}
	if within || len(blocks) == 0 {
		t.Fatalf("%s: unterminated code block, or no code block", document)
	}
	return blocks
}

func readDocument(t *testing.T, document string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository(), document))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// wantTarget checks that a command is a target of the Makefile. The targets that
// the documents name are run by .ci/run.
func wantTarget(t *testing.T, line string) {
	t.Helper()
	target, isMake := strings.CutPrefix(line, "make ")
	makefile := readDocument(t, "Makefile")
	if !isMake || !strings.Contains(makefile, "\n"+target+":") {
		t.Errorf("%q is not a target of the Makefile", line)
	}
}

// isDisplayOnly reports whether blocks in a language are not executed.
func isDisplayOnly(language string) bool {
	return slices.Contains([]string{"ini", "js", "json", "log"}, language)
}
