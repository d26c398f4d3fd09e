package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
)

// accessibility checks pages with axe-core.
type accessibility struct {
	script string
	pages  map[string]int // number of pages by path, for the names of screenshots
}

func newAccessibility(t *testing.T) *accessibility {
	t.Helper()
	return &accessibility{script: needAxe(t), pages: map[string]int{}}
}

// violation is a rule of axe-core that a page does not follow.
type violation struct {
	ID    string
	Help  string
	Nodes []string
}

// page checks the open page in light and dark, on a wide and a narrow screen.
func (a *accessibility) page(b *tab) {
	b.t.Helper()
	path := strings.ReplaceAll(strings.Trim(eval[string](b, "location.pathname"), "/"), "/", "-")
	if path == "" {
		path = "overview"
	}
	a.pages[path]++
	eval[bool](b, a.script+"; true")
	modes := map[string][]string{} // those that have a violation
	for _, width := range []int64{360, 1280} {
		b.resize(width, 900)
		for _, scheme := range []string{"light", "dark"} {
			b.colors(scheme)
			if a.pages[path] > 1 && (width != 360 || scheme != "dark") {
				continue // one of them is enough for pages of the same form
			}
			mode := fmt.Sprintf("%s at %d px", scheme, width)
			violations := eval[[]violation](b, `axe.run({resultTypes: ["violations"]}).then((found) => found.violations.map((v) =>
				({ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 300) + " " + n.failureSummary)})))`)
			for _, v := range violations {
				text := fmt.Sprintf("%s: %s\n\t%s", v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
				modes[text] = append(modes[text], mode)
			}
			saveScreenshot(b, fmt.Sprintf("%s-%d-%d-%s", path, a.pages[path], width, scheme))
		}
		mustFit(b, width)
	}
	for text, modes := range modes {
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
