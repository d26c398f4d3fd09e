package web

import (
	"encoding/base64"
	"net"
	"net/http"
	"strings"
)

// keyOf returns the key of a request: that of the header "Authorization: Bearer KEY", or the cookie
// that a browser has after Login.
func keyOf(r *http.Request) string {
	if key, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		return key
	}
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return ""
	}
	key, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return string(key)
}

// IsLoggedIn reports whether a request has a key after Login, which may be wrong.
func IsLoggedIn(r *http.Request) bool {
	_, err := r.Cookie(cookieName(r))
	return err == nil
}

// Login makes the browser send a key with each request to this server, until it is closed.
func Login(w http.ResponseWriter, r *http.Request, key string) {
	setCookie(w, r, &http.Cookie{Value: base64.RawURLEncoding.EncodeToString([]byte(key))})
}

// Logout makes the browser forget the key.
func Logout(w http.ResponseWriter, r *http.Request) { setCookie(w, r, &http.Cookie{MaxAge: -1}) }

func setCookie(w http.ResponseWriter, r *http.Request, cookie *http.Cookie) {
	cookie.Name, cookie.Path = cookieName(r), "/"
	// A proxy that terminates TLS sets the header. From others it does no harm.
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	cookie.HttpOnly, cookie.Secure, cookie.SameSite = true, secure, http.SameSiteStrictMode
	http.SetCookie(w, cookie)
}

// cookieName contains the port: browsers send the cookies of a host to all of its ports.
func cookieName(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "umadb-key-" + port
}
