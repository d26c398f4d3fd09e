package browsertest_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A server with a key asks for it, refuses a wrong one, and then shows the page that was asked for.
func TestLogin(t *testing.T) {
	t.Parallel()
	const key = "umadb:a-key-of-the-browser-tests-0123456789"
	s := serve(t, "--api-key", key)
	b := newTab(t)
	b.accepted = func(problem string) bool { return true } // the page that asks for a key has the status 401
	checked := newAccessibility(t)
	checked.first = thoroughModes
	b.open(s.url + "/browse?order=oldest")
	checked.page(b)
	for _, typed := range []string{"a wrong key", key} {
		if at := eval[string](b, "location.pathname"); at != "/login" {
			t.Fatalf("without the key, the browser shows %s", at)
		}
		refused := eval[bool](b, `document.querySelector("[role=alert]") !== null`)
		if wanted := typed == key; refused != wanted {
			t.Errorf("before %q is typed, the page says that a key was refused: %v", typed, refused)
		}
		b.follow(chromedp.SendKeys(chromedp.CSS("#key"), typed+kb.Enter))
	}
	if at := eval[string](b, "location.pathname + location.search"); at != "/browse?order=oldest" {
		t.Errorf("after the login, the browser shows %s", at)
	}
	if cookies := eval[string](b, "document.cookie"); cookies != "" {
		t.Errorf("scripts can read the cookie %q", cookies)
	}
	b.follow(chromedp.Click(chromedp.CSS(`form[action="/logout"] button`)))
	b.open(s.url + "/browse")
	if at := eval[string](b, "location.pathname"); at != "/login" {
		t.Errorf("after the logout, the browser shows %s", at)
	}
}
