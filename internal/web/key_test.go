package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

func TestRequestNeedsAKey(t *testing.T) {
	s := newServer(web.Options{})
	for key, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer wrong": 401, "Basic " + validKey: 401, validKey: 401, "Bearer " + validKey: 200} {
		got := request(s, "GET", "/ok", "", "Authorization", key)
		if got.StatusCode != want || (want == 401) != (got.Header.Get("WWW-Authenticate") == "Bearer") {
			t.Errorf("with the key %q the status is %d, want %d; %v", key, got.StatusCode, want, got.Header)
		}
	}
}

// Without the difference, a browser with a valid key would be sent to the login page again and again.
func TestValidKeyWithoutTheRightIsForbidden(t *testing.T) {
	s := newServer(web.Options{})
	if got := request(s, "GET", "/denied", "", withKey...); got.StatusCode != http.StatusForbidden {
		t.Errorf("the status is %d", got.StatusCode)
	}
}

// A key that no client could send is as wrong as any other.
func TestKeyWithOtherCharactersIsRefused(t *testing.T) {
	s := newServer(web.Options{Connect: func(context.Context, string) (*web.Backend, error) {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the API key cannot be sent"}
	}})
	if got := request(s, "GET", "/ok", "", "Authorization", "Bearer \u00e4"); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("the status is %d", got.StatusCode)
	}
}

func TestLoginAndLogout(t *testing.T) {
	s := newServer(web.Options{})
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	cookies := request(s, "POST", "/login", "key="+validKey, form...).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("the cookies are %v", cookies)
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() || c.Secure {
		t.Errorf("the cookie is %v", c)
	}
	// A browser sends the cookies of all ports of a host.
	if !strings.HasSuffix(c.Name, "50080") || strings.Contains(c.Value, validKey) {
		t.Errorf("the cookie is %v", c)
	}
	if got := request(s, "GET", "/ok", "", "Cookie", c.Name+"="+c.Value); got.StatusCode != http.StatusOK {
		t.Errorf("with the cookie the status is %d", got.StatusCode)
	}
	for _, other := range []string{"other-50080=" + c.Value, c.Name + "=!", c.Name + "="} {
		if got := request(s, "GET", "/ok", "", "Cookie", other); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("with the cookie %q the status is %d", other, got.StatusCode)
		}
	}
	if got := request(s, "POST", "/logout", "").Cookies(); len(got) != 1 || got[0].Name != c.Name || got[0].MaxAge >= 0 || got[0].Value != "" {
		t.Errorf("logout sets the cookies %v", got)
	}
	behindProxy := append(form, "X-Forwarded-Proto", "https")
	if got := request(s, "POST", "/login", "key="+validKey, behindProxy...).Cookies(); len(got) != 1 || !got[0].Secure {
		t.Errorf("behind a proxy with TLS, login sets the cookies %v", got)
	}
}
