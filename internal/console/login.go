package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/umadb-go/umadb/internal/web"
)

// showLogin asks for the key. A URL with a key, which "umadb console" prints, uses it at once.
// A link of another site does not: it would make the user work with a key of that site. printed is
// set if the only key is in that URL.
func showLogin(w http.ResponseWriter, r *http.Request, printed bool) {
	if key := r.URL.Query().Get("key"); key != "" && !web.IsForeign(r) {
		web.Login(w, r, key)
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	v := newView("Log in", r)
	v.Menu, v.Data = nil, printed // the pages need the key
	if err := v.write(w, "login", http.StatusUnauthorized); err != nil {
		web.FailJSON(w, r, err)
	}
}

func login(w http.ResponseWriter, r *http.Request) {
	web.Login(w, r, strings.TrimSpace(r.PostFormValue("key")))
	http.Redirect(w, r, localPath(r.PostFormValue("to")), http.StatusSeeOther)
}

func logout(w http.ResponseWriter, r *http.Request) {
	web.Logout(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath returns a path of this server, so that a link to the login page cannot lead elsewhere.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return "/"
	}
	return to
}
