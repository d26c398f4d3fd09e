package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/web"
)

// follow returns the answer to a request without following its redirection.
func follow(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func TestLoginLeadsToAPageOfThisServer(t *testing.T) {
	s := newSite(t)
	for to, want := range map[string]string{
		"/browse?type=A":           "/browse?type=A",
		"":                         "/",
		"browse":                   "/",
		"https://example.com/":     "/",
		"//example.com/":           "/",
		"/\\example.com/":          "/",
		"\\\\example.com/":         "/",
		"/\t/example.com/":         "/",
		"\n//example.com/":         "/",
		" //example.com/":          "/",
		"javascript:alert(1)":      "/",
		"http:/example.com":        "/",
		"/browse\r\nSet-Cookie: a": "/",
	} {
		form := url.Values{"key": {" a-key\n"}, "to": {to}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/login", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if got := follow(t, r); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want || len(got.Cookies()) != 1 {
			t.Errorf("a login for %q leads to %q with the status %d, want %q", to, got.Header.Get("Location"), got.StatusCode, want)
		}
	}
}

// The URL that umadb console prints logs in when the user opens it, not when another site links to it.
func TestLoginByURL(t *testing.T) {
	s := newSite(t)
	for site, want := range map[string]int{"": 1, "none": 1, "same-origin": 1, "cross-site": 0, "same-site": 0} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/login?key=a-key", nil)
		if err != nil {
			t.Fatal(err)
		}
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("Sec-Fetch-Dest", "document")
		}
		if got := follow(t, r); len(got.Cookies()) != want {
			t.Errorf("from %q the status is %d with %d cookies, want %d", site, got.StatusCode, len(got.Cookies()), want)
		}
	}
}

// The page of a console with a printed key says where the key is. No page has a menu before the login.
func TestLoginWithAPrintedKey(t *testing.T) {
	for _, printed := range []bool{true, false} {
		s := startSite(t, web.Options{PrintedKey: printed})
		page := s.get("/login", http.StatusUnauthorized)
		if strings.Contains(page, "that <code>umadb console</code> printed") != printed {
			t.Errorf("printed %t: %s", printed, page)
		}
		if strings.Contains(page, "<nav") {
			t.Errorf("the page has a menu: %s", page)
		}
	}
}
