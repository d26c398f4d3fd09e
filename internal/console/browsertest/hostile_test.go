package browsertest_test

import "testing"

// mustNotRun checks that no text of an event has become an element or has run as a script.
func mustNotRun(b *tab) {
	b.t.Helper()
	if eval[bool](b, `"attacked" in window`) {
		b.t.Errorf("%s: a text of an event ran as a script", eval[string](b, "location.href"))
	}
	if found := eval[[]string](b, `[...document.querySelectorAll('img[src="x"], [onload], [onerror], main script:not([src]), a[href^="javascript:"]')].map((e) => e.outerHTML)`); len(found) > 0 {
		b.t.Errorf("%s: texts of events became elements: %q", eval[string](b, "location.href"), found)
	}
}

// The check can fail.
func TestScriptsAreFound(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	b := newTab(t)
	b.open(`data:text/html,<script>console.error("an error")</script><img src=/x onerror="throw Error()">`)
	if problems := b.takeProblems(); len(problems) < 2 {
		t.Errorf("the browser reported only %q", problems)
	}
}
