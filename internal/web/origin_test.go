package web_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/web"
)

func TestPagesOfOtherSitesCannotUseTheServer(t *testing.T) {
	s := newServer(web.Options{})
	for _, c := range []struct {
		method string
		header []string
		status int
	}{
		{"POST", nil, 200}, // not a browser
		{"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:50080"}, 200},
		{"POST", []string{"Origin", "http://127.0.0.1:50080"}, 200},
		{"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://example.com"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:9"}, 403},
		{"POST", []string{"Origin", "https://example.com"}, 403},
		{"POST", []string{"Origin", "null"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200}, // a link
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 403},
	} {
		if got := request(s, c.method, "/ok", "", slices.Concat(c.header, withKey)...); got.StatusCode != c.status {
			t.Errorf("%s with %v has the status %d, want %d", c.method, c.header, got.StatusCode, c.status)
		}
	}
}

func TestHostMustBeTrustedWithoutAKey(t *testing.T) {
	open := newServer(web.Options{Connect: func(context.Context, string) (*web.Backend, error) {
		return &web.Backend{Close: func() error { return nil }}, nil
	}})
	if got := request(open, "GET", "/ok", "", "Host", "attacker.example"); got.StatusCode != http.StatusForbidden {
		t.Errorf("without a key the status is %d", got.StatusCode)
	}
	if got := request(newServer(web.Options{}), "GET", "/ok", "", append(withKey, "Host", "db.example.com")...); got.StatusCode != http.StatusOK {
		t.Errorf("with a key the status is %d", got.StatusCode)
	}
	for host, want := range map[string]bool{
		"127.0.0.1:50080": true, "127.0.0.1": true, "[::1]:50080": true, "[::1]": true, "localhost:50080": true,
		"umadb": true, "app.localhost:80": true, "192.168.0.7:50080": true,
		"example.com": false, "example.com:50080": false, "example.com.": false, "127.0.0.1.example.com:80": false,
		"localhost.example.com": false, "notlocalhost.com": false, "1.2.3": false,
	} {
		if got := web.IsTrustedHost(host); got != want {
			t.Errorf("%q is trusted: %v", host, got)
		}
	}
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	s := newServer(web.Options{})
	for _, c := range []struct {
		method, path string
		header       []string
		status       int
	}{
		{"GET", "/ok", withKey, 200},
		{"GET", "/ok", nil, 401},
		{"GET", "/denied", withKey, 403},
		{"GET", "/bug", withKey, 500},
		{"GET", "/nothing", nil, 404},
		{"DELETE", "/ok", withKey, 405},
		{"GET", "/open", nil, 303},
		{"GET", "//ok", nil, 307}, // to the clean path
		{"POST", "/ok", []string{"Origin", "https://example.com"}, 403},
	} {
		got := request(s, c.method, c.path, "", c.header...)
		if got.StatusCode != c.status {
			t.Errorf("%s %s has the status %d, want %d", c.method, c.path, got.StatusCode, c.status)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s %s has the header %s: %q", c.method, c.path, name, got.Header.Get(name))
			}
		}
		if got.Header.Get("Content-Security-Policy") == "" || got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s %s has the headers %v", c.method, c.path, got.Header)
		}
	}
}
