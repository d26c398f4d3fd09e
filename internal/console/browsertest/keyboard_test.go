package browsertest_test

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// watchFocus makes the page collect the elements that the Tab key should reach, and remove those that
// have had the focus. It returns the number of them.
const watchFocus = `(() => {
	window.reachable = new Set([...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")].filter((e) =>
		!e.disabled && e.type !== "hidden" && e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true})));
	window.focused = [];
	document.addEventListener("focusin", ({target: e}) => {
		reachable.delete(e);
		focused.push({Class: e.className, HTML: e.outerHTML.slice(0, 200), Outlined: getComputedStyle(e).outlineStyle !== "none"});
	});
	return reachable.size;
})()`

// The Tab key reaches everything on each page that can be used, first the link to the content, and
// shows where it is. Pages are paused, since they would replace elements.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := serve(t, "--console-append")
	s.append(t, courses(2)...)
	b := newTab(t)
	for _, path := range append(menu(b, s.url+"/"), "/event?position=2") {
		b.open(s.url + path)
		b.pause()
		b.awaitEditor()
		reachable := eval[int](b, watchFocus)
		b.press(slices.Repeat([]string{kb.Tab}, reachable+10)...)
		focus := eval[[]focused](b, "focused")
		outlines := 0
		for _, at := range focus {
			if at.Outlined {
				outlines++
			}
		}
		if len(focus) == 0 || focus[0].Class != "skip" {
			t.Errorf("%s: the first element is not the link to the content, but the first of %v", path, focus)
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
	b.press(kb.Tab, kb.Enter)
	if at := eval[string](b, "location.hash"); at != "#main" {
		t.Errorf("the link to the content leads to %q", at)
	}
}

// focused is the element that has the focus.
type focused struct {
	Class, HTML string
	Outlined    bool
}

// press sends keys to the page, one after the other.
func (b *tab) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		must(b, chromedp.KeyEvent(key))
	}
}
