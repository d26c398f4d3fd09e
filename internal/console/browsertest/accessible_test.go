package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
)

// accessibility checks pages with axe-core.
type accessibility struct {
	script string
	modes  []mode
	pages  map[string]int // number of pages by path
}

// mode is a form in which a page is shown.
type mode struct {
	scheme string // of colors
	width  int64  // of the screen
}

func newAccessibility(t *testing.T) *accessibility {
	t.Helper()
	modes := []mode{{"dark", 360}, {"light", 360}, {"dark", 1280}, {"light", 1280}}
	return &accessibility{script: needAxe(t), modes: modes, pages: map[string]int{}}
}

// violation is a rule of axe-core that a page does not follow.
type violation struct {
	ID    string
	Help  string
	Nodes []string
}

// page checks the open page in each mode, or in the first one if another page had the same path. It
// keeps a screenshot of the first page with a path, in the last mode. Pages that ask the server again
// and again are paused, so that they do not change during a check.
func (a *accessibility) page(b *tab) {
	b.t.Helper()
	path := strings.ReplaceAll(strings.Trim(eval[string](b, "location.pathname"), "/"), "/", "-")
	if path == "" {
		path = "overview"
	}
	modes := a.modes
	if a.pages[path]++; a.pages[path] > 1 {
		modes = modes[:1]
	}
	eval[bool](b, a.script+`; [...document.querySelectorAll(".polling button")].filter((b) => b.textContent === "Pause").forEach((b) => b.click()); true`)
	found := map[string][]string{} // modes by the violation
	for _, m := range modes {
		b.resize(m.width, 900)
		b.colors(m.scheme)
		violations := eval[[]violation](b, `axe.run({resultTypes: ["violations"]}).then((found) => found.violations.map((v) =>
			({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 300) + " " + n.failureSummary)})))`)
		for _, v := range violations {
			text := fmt.Sprintf("%s: %s\n\t%s", v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
			found[text] = append(found[text], fmt.Sprintf("%s at %d px", m.scheme, m.width))
		}
		mustFit(b, m.width)
	}
	if last := modes[len(modes)-1]; a.pages[path] == 1 {
		saveScreenshot(b, fmt.Sprintf("%s-%d-%s", path, last.width, last.scheme))
	}
	b.resize(1280, 900)
	for text, modes := range found {
		b.t.Errorf("%s, %s: %s", eval[string](b, "location.href"), strings.Join(modes, ", "), text)
	}
	b.mustBeFine()
}

// mustFit checks that the page needs no horizontal scrolling.
func mustFit(b *tab, width int64) {
	b.t.Helper()
	if needs := eval[int64](b, "document.documentElement.scrollWidth"); needs > width {
		wide := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d).slice(0, 5).map((e) => e.outerHTML.slice(0, 200))`, width))
		b.t.Errorf("%s needs a width of %d px, more than %d: %q", eval[string](b, "location.href"), needs, width, wide)
	}
}
