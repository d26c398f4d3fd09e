package browsertest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/umadb-go/umadb/internal/servertest"
)

// maxPages is the maximum number of pages of a visit.
const maxPages = 80

// visit opens the page at a URL, and all pages that links lead to, but at most so many with the same
// path. It calls check on each one.
func visit(b *tab, first string, samePath int, check func(path string)) (paths map[string]int) {
	b.t.Helper()
	paths = map[string]int{}
	seen := map[string]bool{}
	for next := []string{first}; len(next) > 0 && len(seen) < maxPages; next = next[1:] {
		link, err := url.Parse(next[0])
		if err != nil {
			b.t.Errorf("the link %q is not a URL: %v", next[0], err)
			continue
		}
		if seen[next[0]] || paths[link.Path] == samePath {
			continue
		}
		seen[next[0]] = true
		paths[link.Path]++
		start := time.Now()
		b.open(next[0])
		b.mustBeFine()
		check(link.Path)
		b.t.Logf("checked %s in %.1f s", next[0], time.Since(start).Seconds())
		next = append(next, eval[[]string](b, `[...document.links].filter((l) => l.origin === location.origin && !l.hash && !l.download &&
			!/\.(json|csv)$|^\/v1\/|logout|download/.test(l.pathname)).map((l) => l.href)`)...)
	}
	return paths
}

// Every page that links lead to is free of errors, is accessible, and fits on a narrow screen.
func TestPages(t *testing.T) {
	s := serve(t, "--console-append")
	s.append(t, courses(30)...)
	s.append(t, odd()...)
	checked := newAccessibility(t)
	b := newTab(t)
	paths := visit(b, s.url+"/", 2, func(path string) {
		checked.page(b)
		mustNotRun(b)
		mustHaveData(b)
	})
	t.Logf("visited: %v", paths)
	for _, path := range menu(b, s.url) {
		if paths[path] == 0 {
			t.Errorf("the page %s in the menu was not visited", path)
		}
	}
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
	s := serve(t)
	s.append(t, courses(3)...)
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
