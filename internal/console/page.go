package console

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// loadTimeout is how long loading the data of a page may take.
const loadTimeout = 10 * time.Second

// page is a page of the console.
type page struct {
	path  string // such as /browse; its template is browse.html, and that of / overview.html
	title string
	// load returns the data of the page, which is also its JSON. With an error, a page with a form returns
	// data with that form, in which formData is embedded.
	load func(ctx context.Context, r *http.Request, b *web.Backend) (any, error)
}

// formData is part of the data of a page with a form. If loading fails, the page shows the form and the problem.
type formData struct {
	Form    queryForm   `json:"-"`
	Problem web.Problem `json:"-"`
}

// setProblem sets why loading has failed.
func (d *formData) setProblem(p web.Problem) { d.Problem = p }

// table is implemented by the data of pages that are tables.
type table interface {
	// columns returns the names of the columns.
	columns() []string
	// rows iterates over the rows.
	rows() iter.Seq[[]string]
}

// view is what a template shows.
type view struct {
	Title  string
	Path   string
	Server string
	Menu   []page
	// LoggedIn is set if the browser sends a key.
	LoggedIn bool
	// Values are the parameters of the URL.
	Values url.Values
	// JSON and CSV are links to the data. CSV is empty if it is not a table.
	JSON, CSV string
	Data      any
}

// Title and Path are for templates.
func (p page) Title() string { return p.title }

// Path returns the path of the page.
func (p page) Path() string { return p.path }

// pattern returns the pattern of the page for http.ServeMux.
func (p page) pattern() string {
	if p.path == "/" {
		return "/{$}"
	}
	return p.path
}

// file returns the path of the page's data without its extension.
func (p page) file() string { return "/" + p.name() }

// name returns the name of the template.
func (p page) name() string {
	if p.path == "/" {
		return "overview"
	}
	return p.path[1:]
}

func (p page) data(r *http.Request, b *web.Backend) (any, error) {
	if err := checkParameters(r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), loadTimeout)
	defer cancel()
	return p.load(ctx, r, b)
}

// checkParameters returns an error if the parameters of a URL cannot be parsed: URL.Query omits
// those, and the answer would be one to another question.
func checkParameters(r *http.Request) error {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the parameters of the URL: %v", err)}
	}
	return nil
}

// checked returns a handler that is called only if the parameters of the URL can be parsed.
func checked(handler web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
		if err := checkParameters(r); err != nil {
			return err
		}
		return handler(w, r, b)
	}
}

// html answers with the page.
func (p page) html(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	data, err := p.data(r, b)
	status := http.StatusOK
	if err != nil {
		form, hasForm := data.(interface{ setProblem(web.Problem) })
		if !hasForm {
			return err
		}
		problem := problemOf(web.Denied(err))
		form.setProblem(problem)
		status = problem.Status
	}
	v := newView(p.title, r)
	v.Server, v.Data = b.Name, data
	query := ""
	if r.URL.RawQuery != "" {
		query = "?" + r.URL.RawQuery
	}
	v.JSON = p.file() + ".json" + query
	if _, is := data.(table); is {
		v.CSV = p.file() + ".csv" + query
	}
	return v.write(w, p.name(), status)
}

func newView(title string, r *http.Request) *view {
	v := &view{Title: title, Path: r.URL.Path, LoggedIn: web.IsLoggedIn(r), Values: r.URL.Query()}
	for _, path := range menu {
		for _, p := range pages {
			if p.path == path {
				v.Menu = append(v.Menu, p)
			}
		}
	}
	return v
}

// write renders a template.
func (v *view) write(w http.ResponseWriter, name string, status int) error {
	var out bytes.Buffer
	if err := templates[name].ExecuteTemplate(&out, "layout.html", v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(out.Bytes()) // an error means that the browser has gone
	return nil
}

// json answers with the data of the page.
func (p page) json(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	data, err := p.data(r, b)
	if err != nil {
		return err
	}
	return writeJSON(w, data)
}

func writeJSON(w http.ResponseWriter, data any) error {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // the text of events would become much longer
	return encoder.Encode(data)
}

// csv answers with the data of the page as comma-separated values, if it is a table.
func (p page) csv(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
	data, err := p.data(r, b)
	if err != nil {
		return err
	}
	t, is := data.(table)
	if !is {
		return web.ErrNotFound
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	out := csv.NewWriter(w)
	out.Write(plainCells(t.columns()))
	for row := range t.rows() {
		out.Write(plainCells(row))
	}
	out.Flush()
	return out.Error()
}

// fail shows an error as a page. Without a valid key it shows the page that asks for one.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if redirect(w, r, err) {
		return
	}
	p := problemOf(err)
	v := newView(p.Title, r)
	if p.Status == http.StatusUnauthorized {
		to := url.Values{"to": {r.URL.RequestURI()}}
		if web.IsLoggedIn(r) {
			to.Set("refused", "true")
		}
		http.Redirect(w, r, "/login?"+to.Encode(), http.StatusSeeOther)
		return
	}
	v.Data = failure{p, errors.Is(err, dcb.ErrAuthentication)}
	if v.write(w, "error", p.Status) != nil {
		web.FailJSON(w, r, err)
	}
}

// failure is the data of the page that shows an error.
type failure struct {
	web.Problem
	Denied bool // the key has no right to something
}

// failJSON answers with an error as JSON.
func failJSON(w http.ResponseWriter, r *http.Request, err error) {
	if !redirect(w, r, err) {
		web.FailJSON(w, r, err)
	}
}

// redirect answers with the URL to which a page has moved, and reports whether it has.
func redirect(w http.ResponseWriter, r *http.Request, err error) bool {
	var move moved
	if !errors.As(err, &move) {
		return false
	}
	http.Redirect(w, r, r.URL.Path+"?"+move.values.Encode(), http.StatusSeeOther)
	return true
}

// problemOf returns what a page shows of an error.
func problemOf(err error) web.Problem {
	p := web.ProblemOf(err)
	var refused *dcb.Error
	if errors.As(err, &refused) && (errors.Is(err, dcb.ErrInvalidArgument) || errors.Is(err, errors.ErrUnsupported)) {
		p.Detail = refused.Detail // the title says what it is
	}
	return p
}
