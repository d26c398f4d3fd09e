package browsertest_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The Tab key reaches everything on each page that can be used, first the link to the content, and
// shows where it is.
func TestKeyboard(t *testing.T) {
	s := serve(t, "--console-append")
	s.append(t, courses(2)...)
	b := newTab(t)
	for _, path := range append(menu(b, s.url+"/"), "/event?position=2") {
		b.open(s.url + path)
		reachable := eval[int](b, `(window.reachable = new Set([...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((e) =>
			!e.disabled && e.type !== "hidden" && e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true})))).size`)
		outlines := 0
		for n := range reachable + 10 {
			b.press(kb.Tab)
			at := eval[focused](b, `(({activeElement: e}) => {
				reachable.delete(e);
				return {Class: e.className, HTML: e.outerHTML.slice(0, 200), Outlined: getComputedStyle(e).outlineStyle !== "none"};
			})(document)`)
			if n == 0 && at.Class != "skip" {
				t.Errorf("%s: the first element is not the link to the content, but %s", path, at.HTML)
			}
			if at.Outlined {
				outlines++
			}
		}
		if missed := eval[[]string](b, `[...reachable].map((e) => e.outerHTML.slice(0, 200))`); len(missed) > 0 {
			t.Errorf("%s: the Tab key does not reach %q", path, missed)
		}
		if outlines < reachable {
			t.Errorf("%s: only %d of %d elements show that they have the focus", path, outlines, reachable)
		}
		b.mustBeFine()
	}
	b.open(s.url + "/browse")
	b.press(kb.Tab)
	b.press(kb.Enter)
	if at := eval[string](b, "location.hash"); at != "#main" {
		t.Errorf("the link to the content leads to %q", at)
	}
}

// focused is the element that has the focus.
type focused struct {
	Class, HTML string
	Outlined    bool
}

// press sends a key to the page.
func (b *tab) press(key string) {
	b.t.Helper()
	must(b, chromedp.KeyEvent(key))
}
