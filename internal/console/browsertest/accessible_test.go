package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
)

// accessibility checks pages with axe-core.
type accessibility struct {
	script string
	first  []mode         // of the first page with a path
	others []mode         // of the other pages
	pages  map[string]int // number of pages by path
}

// newAccessibility returns checks in the quick modes.
func newAccessibility(t *testing.T) *accessibility {
	t.Helper()
	return &accessibility{script: needAxe(t), first: quickModes, others: quickModes, pages: map[string]int{}}
}

// mode is a form in which a page is shown, and what is checked in it.
type mode struct {
	scheme  string // of colors
	width   int64  // of the screen
	context string // the elements, for axe-core
	options string // the rules, for axe-core
}

const (
	everything = `document`
	// notRepeated leaves out what is like the elements before it, as in a list of events: it takes
	// most of the time. The first mode has no such exception, since texts differ.
	notRepeated = `{exclude: [".event:nth-child(n+5)", "tr:nth-child(n+5)", ".tag:nth-child(n+5)", "svg a:nth-child(n+5)"]}`
	allRules    = `{resultTypes: ["violations"]}`
	// colorRules are the rules that depend on colors. They take most of the time as well.
	colorRules = `{resultTypes: ["violations"], runOnly: ["color-contrast", "link-in-text-block"]}`
)

var (
	quickModes = []mode{
		{"dark", 360, everything, allRules},
		{"light", 1280, notRepeated, colorRules},
	}
	thoroughModes = []mode{
		{"dark", 360, everything, allRules},
		{"light", 360, notRepeated, colorRules},
		{"dark", 1280, notRepeated, colorRules},
		{"light", 1280, notRepeated, allRules},
	}
)

// violation is a rule of axe-core that a page does not follow.
type violation struct {
	ID    string
	Help  string
	Nodes []string
}

// page checks the open page. It keeps screenshots of the first page with a path, of a
// narrow and of a wide screen. Pages that ask the server again and again are paused, so that they do
// not change during a check.
func (a *accessibility) page(b *tab) {
	b.t.Helper()
	path := strings.ReplaceAll(strings.Trim(eval[string](b, "location.pathname"), "/"), "/", "-")
	if path == "" {
		path = "overview"
	}
	a.pages[path]++
	modes, isFirst := a.others, a.pages[path] == 1
	if isFirst {
		modes = a.first
	}
	b.pause()
	eval[bool](b, a.script+"; true")
	found := map[string][]string{} // modes by the violation
	for n, m := range modes {
		b.show(m.width, 900, m.scheme)
		violations := eval[[]violation](b, `axe.run(`+m.context+`, `+m.options+`).then((found) => found.violations.map((v) =>
			({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 300) + " " + n.failureSummary)})))`)
		for _, v := range violations {
			text := fmt.Sprintf("%s: %s\n\t%s", v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
			found[text] = append(found[text], fmt.Sprintf("%s at %d px", m.scheme, m.width))
		}
		mustFit(b, m.width)
		if isFirst && (n == 0 || n == len(modes)-1) {
			saveScreenshot(b, fmt.Sprintf("%s-%d-%s", path, m.width, m.scheme))
		}
	}
	for text, modes := range found {
		b.t.Errorf("%s, %s: %s", eval[string](b, "location.href"), strings.Join(modes, ", "), text)
	}
	b.mustBeFine()
}

// pause stops the page from asking the server again and again.
func (b *tab) pause() {
	b.t.Helper()
	eval[bool](b, `[...document.querySelectorAll(".polling button")].filter((b) => b.textContent === "Pause").forEach((b) => b.click()); true`)
	b.settle()
}

// mustFit checks that the page needs no horizontal scrolling.
func mustFit(b *tab, width int64) {
	b.t.Helper()
	if needs := eval[int64](b, "document.documentElement.scrollWidth"); needs > width {
		wide := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d).slice(0, 5).map((e) => e.outerHTML.slice(0, 200))`, width))
		b.t.Errorf("%s needs a width of %d px, more than %d: %q", eval[string](b, "location.href"), needs, width, wide)
	}
}
