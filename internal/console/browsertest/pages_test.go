package browsertest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/umadb-go/umadb/internal/servertest"
)

// maxPages is the maximum number of pages of a visit.
const maxPages = 80

// visit opens pages, and all those that links lead to, but only one of those with the same path and
// the same parameters, whatever their values, and at most so many with the same path. It calls check
// on each one, and returns the number of pages by path.
func visit(b *tab, first []string, samePath int, check func(path string)) (paths map[string]int) {
	b.t.Helper()
	paths = map[string]int{}
	opened, links := map[string]bool{}, 0
	for next := slices.Clone(first); len(next) > 0 && len(opened) < maxPages; next = next[1:] {
		link, err := url.Parse(next[0])
		if err != nil {
			b.t.Errorf("the link %q is not a URL: %v", next[0], err)
			continue
		}
		kind := link.Path + " " + strings.Join(slices.Sorted(maps.Keys(link.Query())), " ")
		if opened[kind] || paths[link.Path] == samePath {
			continue
		}
		opened[kind] = true
		paths[link.Path]++
		start := time.Now()
		b.open(next[0])
		b.mustBeFine()
		check(link.Path)
		b.t.Logf("checked %s in %.1f s", next[0], time.Since(start).Seconds())
		found := eval[[]string](b, `[...document.links].filter((l) => l.origin === location.origin && !l.hash && !l.download &&
			!/\.(json|csv)$|^\/v1\/|logout|download/.test(l.pathname)).map((l) => l.href)`)
		links += len(found)
		next = append(next, found...)
	}
	b.t.Logf("visited %d pages, which have %d links: %v", len(opened), links, paths)
	return paths
}

// contents are elements that a page has if the store has what it shows.
var contents = map[string]string{
	"/":           "main:has(#subscriptions table):has(#types table):has(#tags table):has(#rate canvas)",
	"/append":     "form.append",
	"/browse":     "#events .event",
	"/code":       ".code",
	"/data":       ".data",
	"/event":      ".data",
	"/graph":      "#graph a",
	"/live":       "#tail .event",
	"/rejections": ".rejection .sides",
	"/store":      ".drawing rect:not(.empty)",
	"/tags":       "#tags table",
	"/timeline":   "#timeline canvas",
	"/tracking":   "#sources td",
	"/types":      "#types table",
	"/why":        ".conflict",
}

// Every page that links lead to, on a store of a million events, is free of errors, is accessible,
// and fits on a narrow screen.
func TestPages(t *testing.T) {
	t.Parallel()
	s := serveMillion(t, "--console-append")
	s.append(t, odd()...)
	s.addContent(t, million)
	checked := newAccessibility(t)
	checked.first = thoroughModes
	b := newTab(t)
	// No link leads to the events of Live, and the overview has Types and Tags instead of links to them.
	first := []string{s.url + "/", s.url + "/types", s.url + "/tags", fmt.Sprintf("%s/live?after=%d", s.url, million)}
	b.open(first[0])
	b.await(`document.querySelector("#subscriptions table") !== null`)
	hasContent := map[string]bool{}
	paths := visit(b, first, 3, func(path string) {
		if path == "/live" && eval[bool](b, `location.search.startsWith("?after")`) {
			b.await(fmt.Sprintf("document.querySelector(%q) !== null", contents[path]))
		}
		b.awaitEditor()
		checked.page(b)
		mustNotRun(b)
		mustHaveData(b)
		hasContent[path] = hasContent[path] || eval[bool](b, fmt.Sprintf("document.querySelector(%q) !== null", contents[path]))
	})
	for path := range contents {
		if !hasContent[path] {
			t.Errorf("of %d pages %s none has content", paths[path], path)
		}
	}
	for _, path := range menu(b, s.url) {
		if paths[path] == 0 {
			t.Errorf("the page %s in the menu was not visited", path)
		}
	}
}

// awaitEditor waits until the form to append, if the page has it, has its editor instead of the text
// area.
func (b *tab) awaitEditor() {
	b.t.Helper()
	b.await(`document.querySelector("form.append textarea#data")?.hidden ?? true`)
}

// data is the client that gets the data of pages.
var data = http.Client{Timeout: stepTimeout}

// mustHaveData checks that the links to the data of a page work.
func mustHaveData(b *tab) {
	b.t.Helper()
	for _, link := range eval[[]string](b, `[...document.querySelectorAll("body > footer a")].map((l) => l.href)`) {
		response, err := data.Get(link)
		if err != nil {
			b.t.Error(err)
			continue
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			b.t.Errorf("%s has the status %s", link, response.Status)
		}
	}
}

// menu returns the paths in the menu.
func menu(b *tab, home string) []string {
	b.t.Helper()
	b.open(home)
	return eval[[]string](b, `[...document.querySelectorAll("body > header nav a")].map((l) => l.pathname)`)
}

// Each link of the menu leads to its page with a click, and the page is marked there.
func TestMenu(t *testing.T) {
	t.Parallel()
	s := serveMillion(t)
	b := newTab(t)
	for _, path := range menu(b, s.url+"/browse") {
		b.follow(chromedp.Click(chromedp.CSS(fmt.Sprintf(`body > header nav a[href=%q]`, path))))
		if at := eval[string](b, "location.pathname"); at != path {
			t.Errorf("the link to %s leads to %s", path, at)
		}
		if current := eval[[]string](b, `[...document.querySelectorAll("[aria-current=page]")].map((l) => l.pathname)`); len(current) != 1 || current[0] != path {
			t.Errorf("%s: the menu marks %q", path, current)
		}
		b.mustBeFine()
	}
}

// saveScreenshot writes what the tab shows to .cache/screenshots.
func saveScreenshot(b *tab, name string) {
	b.t.Helper()
	image := must(b, chromedp.CaptureScreenshot())
	name = filepath.Join(servertest.Repository(), ".cache", "screenshots", strings.ReplaceAll(b.t.Name(), "/", "-"), name+".png")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(name, image, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
