package store_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readDocuments returns the pages of docs/, by their path from the root of the
// repository.
func readDocuments(t *testing.T, root fs.FS) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			page, err := fs.ReadFile(root, name)
			if err != nil {
				t.Fatal(err)
			}
			pages[name] = string(page)
		}
	}
	if len(pages) == 0 {
		t.Fatal("there are no documents")
	}
	return pages
}

func TestDocumentsNameExistingTests(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	declared, named := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`), regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)
	exist := map[string]bool{}
	var names []string
	for _, pattern := range []string{"internal/*/*_test.go", "internal/*/*/*_test.go"} {
		found, err := fs.Glob(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		source, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
			exist[match[1]] = true
		}
	}
	for page, text := range readDocuments(t, root) {
		for _, name := range named.FindAllString(text, -1) {
			if !exist[name] {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}

func TestDocumentLinksResolve(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	pages := readDocuments(t, root)
	for _, name := range []string{"README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "python/README.md"} {
		page, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(page)
	}
	for page, text := range pages {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			target := page
			if match[1] != "" {
				target = path.Join(path.Dir(page), match[1])
			}
			if match[2] == "" {
				if _, err := fs.Stat(root, target); err != nil {
					t.Errorf("%s: %v", page, err)
				}
				continue
			}
			content, err := fs.ReadFile(root, target)
			if err != nil {
				t.Errorf("%s: %v", page, err)
			} else if !hasAnchor(string(content), match[2][1:]) {
				t.Errorf("%s: %s has no heading %s", page, target, match[2])
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\w\- ]`)

// hasAnchor reports whether a page has a heading for an anchor.
func hasAnchor(page, anchor string) bool {
	for line := range strings.Lines(page) {
		heading, found := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !found || !strings.HasPrefix(line, "#") {
			continue
		}
		heading = notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
		if strings.ReplaceAll(heading, " ", "-") == anchor {
			return true
		}
	}
	return false
}
