package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

func TestAppend(t *testing.T) {
	a := newAPI(t)
	got := a.post(`{"events":[{"type":"A","tags":["x"],"data":{"n": 1}},{"type":"B","data_base64":"AAE="}],"tracking":{"source":"web","position":7}}`)
	if got.status != http.StatusOK || !equalJSON(got.body, `{"position":2}`) {
		t.Fatalf("the answer is %+v", got)
	}
	a.want("/v1/tracking?source=web", `{"source":"web","position":7}`)
	var line struct {
		Tags []string
		UUID string
		Data map[string]int
	}
	if err := json.Unmarshal([]byte(a.get("/v1/events?type=A")), &line); err != nil || line.Tags[0] != "x" || line.UUID == "" || line.Data["n"] != 1 {
		t.Errorf("the event is %+v (%v)", line, err)
	}
	if p := a.problem(a.post(`{"events":[],"tracking":{"source":"web","position":7}}`), http.StatusConflict); p.ConflictPosition != 0 {
		t.Errorf("the problem is %+v", p)
	}
}

func TestAppendOnCondition(t *testing.T) {
	a := newAPI(t)
	a.append(event("A", "x"), event("A", "y"))
	const first = `{"events":[{"type":"B","tags":["x"],"uuid":"8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2"}],"condition":{"query":[{"types":["A","B"],"tags":["x"]}],"after":1}}`
	if got := a.post(first); !equalJSON(got.body, `{"position":3}`) {
		t.Fatalf("the answer is %+v", got)
	}
	a.append(event("A", "x"))
	if got := a.post(first); !equalJSON(got.body, `{"position":3}`) {
		t.Errorf("the answer to the same request is %+v, want that of the first one", got)
	}
	other := strings.Replace(first, "8c9b", "9c9b", 1)
	if p := a.problem(a.post(other), http.StatusConflict); p.ConflictPosition != 3 {
		t.Errorf("the problem is %+v, want the position 3", p)
	}
	a.want("/v1/head", `{"head":4}`)
}

func TestMistakesInAppends(t *testing.T) {
	a := newAPIWith(t, web.Options{Append: true, RequestBytes: 1000})
	for body, want := range map[string]string{
		``:                                     "invalid JSON",
		`[]`:                                   "must not be a list",
		`{"events":[{"type":"A"}]} 1`:          "invalid JSON at byte 26",
		`{}`:                                   `it has no "events"`,
		`{"events":null}`:                      `it has no "events"`,
		`{"events":[],"conditon":{}}`:          "unknown field /conditon; the fields are events, condition, tracking",
		`{"events":[{"type":"A"},{"data":1}]}`: `event 2: it has no "type"`,
		`{"events":[{"type":"A","uuid":"x"}]}`: "UUID",
		`{"events":[{"type":"A","tracking":{"source":"a","position":1}}]}`: `event 1: it has "tracking"`,
		`{"events":[],"condition":{}}`:                                     `its "condition" has no "query"`,
		`{"events":[],"condition":{"query":[null]}}`:                       "item 1 of the query is null",
		`{"events":[],"condition":{"query":[{"tags":[null]}]}}`:            "/condition/query/0/tags must be a list of strings",
		`{"events":[],"condition":{"query":[],"after":-1}}`:                "/condition/after must be a whole number",
		`{"events":[],"tracking":{"source":"a"}}`:                          `its "tracking" must have a source and a position`,
	} {
		if p := a.problem(a.post(body), http.StatusBadRequest); !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %q, want %q", body, p.Detail, want)
		}
	}
	large := `{"events":[{"type":"` + strings.Repeat("A", 1000) + `"}]}`
	if p := a.problem(a.post(large), http.StatusRequestEntityTooLarge); !strings.Contains(p.Detail, "more than 1000 bytes") {
		t.Errorf("the problem is %+v", p)
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		a.problem(a.do(http.MethodPost, "/v1/append", `{"events":[]}`, "Content-Type", kind), http.StatusUnsupportedMediaType)
	}
	a.problem(a.do(http.MethodPost, "/v1/append?x=1", `{"events":[]}`, "Content-Type", "application/json"), http.StatusBadRequest)
	a.want("/v1/head", `{"head":0}`)
}

func TestAppendIsRefusedUnlessPermitted(t *testing.T) {
	a := newAPIWith(t, web.Options{})
	if p := a.problem(a.post(`{"events":[{"type":"A"}]}`), http.StatusForbidden); !strings.Contains(p.Detail, "--console-append") {
		t.Errorf("the problem is %+v", p)
	}
	a.want("/v1/head", `{"head":0}`)
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (b unread) Read([]byte) (int, error) {
	b.t.Error("the body is read")
	return 0, io.EOF
}

// A body that cannot be appended is not read.
func TestAppendIsRefusedBeforeItsBody(t *testing.T) {
	denied := func() error { return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the key may not append"} }
	for want, options := range map[string]struct {
		web     web.Options
		backend web.Backend
	}{
		"--console-append": {web.Options{}, web.Backend{}},
		"may not append":   {web.Options{Append: true}, web.Backend{MayAppend: denied}},
	} {
		a := serve(t, options.web, &options.backend)
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/append", unread{t})
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		a.web.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), want) {
			t.Errorf("the answer is %d %s, want %s", w.Code, w.Body, want)
		}
	}
}
