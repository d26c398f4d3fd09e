package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/httpapi"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/web"
	"github.com/umadb-go/umadb/internal/web/webtest"
)

// api is the API of a store in memory.
type api struct {
	t     *testing.T
	store *store.Store
	web   *web.Server
	url   string
}

// newAPI starts an API with which events can be appended.
func newAPI(t *testing.T) *api { return newAPIWith(t, web.Options{Append: true}) }

func newAPIWith(t *testing.T, options web.Options) *api {
	t.Helper()
	opened, b := webtest.NewStore(t)
	a := serve(t, options, b)
	a.store = opened
	return a
}

// serve starts an API about a backend.
func serve(t *testing.T, options web.Options, b *web.Backend) *api {
	t.Helper()
	served, url := webtest.Serve(t, options, b, httpapi.Register)
	return &api{t: t, web: served, url: url}
}

// append appends events to the store without a condition.
func (a *api) append(events ...dcb.Event) {
	a.t.Helper()
	if _, err := a.store.Append(a.t.Context(), events, nil, nil); err != nil {
		a.t.Fatal(err)
	}
}

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. header has names and values in turn.
func (a *api) do(method, path, body string, header ...string) answer {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// get returns the body of a path, which must exist.
func (a *api) get(path string) string {
	a.t.Helper()
	got := a.do(http.MethodGet, path, "")
	if got.status != http.StatusOK {
		a.t.Fatalf("%s has the status %d: %s", path, got.status, got.body)
	}
	return got.body
}

// post appends by the API.
func (a *api) post(body string) answer {
	a.t.Helper()
	return a.do(http.MethodPost, "/v1/append", body, "Content-Type", "application/json")
}

// problem returns the problem that is the answer to a request, which must have this status.
func (a *api) problem(got answer, status int) (p web.Problem) {
	a.t.Helper()
	if got.status != status || got.header.Get("Content-Type") != "application/problem+json" {
		a.t.Errorf("the answer is %+v, want a problem with the status %d", got, status)
		return p
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != status {
		a.t.Errorf("%q: %v", got.body, err)
	}
	return p
}

// want compares the JSON at a path.
func (a *api) want(path, want string) {
	a.t.Helper()
	if got := strings.TrimSpace(a.get(path)); !equalJSON(got, want) {
		a.t.Errorf("%s is %s, want %s", path, got, want)
	}
}

func equalJSON(a, b string) bool {
	var first, second any
	if json.Unmarshal([]byte(a), &first) != nil || json.Unmarshal([]byte(b), &second) != nil {
		return false
	}
	x, _ := json.Marshal(first)
	y, _ := json.Marshal(second)
	return bytes.Equal(x, y)
}

// event returns an event with tags.
func event(kind string, tags ...string) dcb.Event { return dcb.Event{Type: kind, Tags: tags} }
