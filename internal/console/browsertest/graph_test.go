package browsertest_test

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The graph draws each tag of its table, and a click and the keyboard lead from one to the next. The
// layout is the same each time.
func TestGraph(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.append(t, courses(12)...)
	b := newTab(t)
	checked := newAccessibility(t)
	b.open(s.url + "/graph?tag=course:c1")
	const tags = `[...document.querySelectorAll("#nodes tbody tr")].map((row) => row.dataset.tag).sort()`
	const drawn = `[...document.querySelectorAll("#graph a")].map((node) => node.dataset.tag).sort()`
	const layout = `[...document.querySelectorAll("#graph a")].map((node) => node.getAttribute("transform")).join()`
	if eval[bool](b, `JSON.stringify(`+tags+`) !== JSON.stringify(`+drawn+`) || `+tags+`.length === 0`) {
		t.Errorf("the graph has %v, and the table %v", eval[[]string](b, drawn), eval[[]string](b, tags))
	}
	first := eval[string](b, layout)
	b.open(s.url + "/graph?tag=course:c1")
	if second := eval[string](b, layout); second != first {
		t.Errorf("the layout is once %s, once %s", first, second)
	}
	checked.page(b)
	node := eval[string](b, `document.querySelector("#graph a").dataset.tag`)
	b.follow(chromedp.Click(chromedp.CSS("#graph a circle")))
	b.await(`new URLSearchParams(location.search).get("tag") === ` + strconv.Quote(node))
	eval[bool](b, `document.querySelector("#graph a[data-tag='course:c1']").focus(), true`)
	b.follow(chromedp.KeyEvent(kb.Enter))
	b.await(`new URLSearchParams(location.search).get("tag") === "course:c1"`)
	b.mustBeFine()
}
