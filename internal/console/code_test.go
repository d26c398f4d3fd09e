package console_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// snippets returns the texts of the page of code by their language.
func (s *site) snippets(values url.Values) map[string]string {
	s.t.Helper()
	var data struct{ Snippets []struct{ ID, Text string } }
	s.json("/code.json?"+values.Encode(), &data)
	texts := map[string]string{}
	for _, snippet := range data.Snippets {
		texts[snippet.ID] = snippet.Text
	}
	return texts
}

// difficult are names that need quotes in every language.
var difficult = []string{"a b", `say "yes"`, "it's", `it's "both"`, `back\slash`, "Grüße 🙂", "line\nbreak\ttab", "${HOME} `x` %s", "-dash", "\x00\x7f\u2028", "\x03\x1b[2J\r7\u202e\u2066 it's \"\\'"}

func codeQueries() (queries []url.Values) {
	for _, text := range []string{"", "limit=7", "type=A&type=B&tag=x", "tag=x&item=type%3DC&item=*", "since=2h", "until=2026-11-26T14:00:00.5Z",
		"since=3d&until=1h&order=oldest", "since=1500ms&order=oldest&start=7", "until=1h&start=7", "after=4&order=oldest"} {
		values, err := url.ParseQuery(text)
		if err != nil {
			panic(err)
		}
		queries = append(queries, values)
	}
	return append(queries, url.Values{"type": difficult, "tag": difficult, "since": {"1h"}, "until": {"30m"}})
}

// codeEvents are events that need quotes in every language.
func codeEvents() []dcb.Event {
	events := []dcb.Event{
		{Type: "Plain", Data: []byte(`{"places": 2}`)},
		{Type: "", Data: []byte{0, 1, 254, 255}},
		{Type: "Text", Tags: difficult, Data: []byte("Grüße\n"), UUID: "8c9b1f64-6d0a-4c57-9d0e-5b1c64a1f7d2", Metadata: []dcb.Metadata{{Key: "by", Value: `"ann"`}}},
	}
	for _, text := range difficult {
		events = append(events, dcb.Event{Type: text, Data: []byte(text)})
	}
	return events
}

// The Go code of every query and event compiles.
func TestGoCodeCompiles(t *testing.T) {
	s := newSite(t)
	s.append(codeEvents()...)
	files := token.NewFileSet()
	check := types.Config{Importer: importer.ForCompiler(files, "gc", compiled(t, "github.com/umadb-go/umadb/client", "fmt", "log", "time", "os"))}
	compile := func(text string) {
		t.Helper()
		file, err := parser.ParseFile(files, "main.go", text, parser.SkipObjectResolution)
		if err == nil {
			_, err = check.Check("main", files, []*ast.File{file}, nil)
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
	for _, query := range codeQueries() {
		compile(s.snippets(query)["go"])
	}
	for position := range codeEvents() {
		compile("package main\n\n" + s.snippets(eventValues(position))["go"])
	}
}

// For a directory, programs open the directory, and curl needs no key where the pages need none.
func TestCodeForADirectory(t *testing.T) {
	s := newSite(t, func(b *web.Backend) { b.Name, b.Directory = "./uma.db", true })
	texts := s.snippets(url.Values{"tag": {"x"}})
	for language, want := range map[string]string{
		"cli":    "umadb read --db-path ./uma.db --tag x",
		"python": `Client("file:./uma.db?mode=ro")`,
		"go":     `umadb.Open("./uma.db", &umadb.Options{ReadOnly: true})`,
		"curl":   "curl -sS 'http://",
	} {
		if !strings.Contains(texts[language], want) {
			t.Errorf("%s is without %q: %s", language, want, texts[language])
		}
	}
	files := token.NewFileSet()
	check := types.Config{Importer: importer.ForCompiler(files, "gc", compiled(t, "github.com/umadb-go/umadb", "fmt", "log"))}
	file, err := parser.ParseFile(files, "main.go", texts["go"], parser.SkipObjectResolution)
	if err == nil {
		_, err = check.Check("main", files, []*ast.File{file}, nil)
	}
	if err != nil {
		t.Errorf("%v in\n%s", err, texts["go"])
	}
}

// The Python code of every query and event compiles, and an event in Python is the event.
func TestPythonCodeRuns(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	s := newSite(t)
	s.append(codeEvents()...)
	dir := t.TempDir()
	stub := "class Event:\n    def __init__(self, event_type, data, tags=[], uuid=None, metadata={}):\n        self.all = [event_type, list(data), list(tags), uuid or '', metadata]\n"
	if err := os.WriteFile(filepath.Join(dir, "umadb.py"), []byte(stub), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(program, input string) string {
		t.Helper()
		command := exec.Command(python, "-c", program)
		command.Dir, command.Stdin, command.Env = dir, strings.NewReader(input), append(os.Environ(), "PYTHONIOENCODING=utf-8", "PYTHONUTF8=1")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s in\n%s", err, out, input)
		}
		return string(out)
	}
	for _, query := range codeQueries() {
		run("import sys; compile(sys.stdin.read(), 'query', 'exec')", s.snippets(query)["python"])
	}
	for position, want := range codeEvents() {
		text := s.snippets(eventValues(position))["python"]
		got := run("import sys, json; sys.path.insert(0, ''); exec(sys.stdin.read()); json.dump(event.all, sys.stdout)", text)
		if !equalJSON(t, got, pythonEvent(want)) {
			t.Errorf("%s is %s in\n%s", want.Type, got, text)
		}
	}
}

// The words of the command are those of the query.
func TestCommandIsQuoted(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	s := newSite(t)
	for _, name := range difficult {
		if strings.Contains(name, "\x00") {
			continue // no argument can contain it
		}
		text := s.snippets(url.Values{"tag": {name}, "type": {"A"}})["cli"]
		out, err := exec.Command("bash", "-c", "umadb() { for word; do printf '%s\\0' \"$word\"; done; }; "+text).Output()
		words := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		want := []string{"read", "--url", "http://127.0.0.1:50051", "--type", "A", "--tag", name, "--backwards"}
		if name[0] == '-' {
			want = []string{"read", "--url", "http://127.0.0.1:50051", "--type", "A", "--tag=" + name, "--backwards"}
		}
		if err != nil || strings.Join(words, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("%q (%v), want %q", words, err, want)
		}
	}
}

// Programs have the limit of the URL, and none of the page's own: without one they read all events that match.
func TestLimitOfCode(t *testing.T) {
	s := newSite(t)
	s.append(slices.Repeat([]dcb.Event{{Type: "A"}}, 60)...)
	for _, c := range []struct {
		query string
		want  []string // for each language
	}{
		{"type=A", nil},
		{"type=A&limit=50", []string{"--limit 50", "limit=50)", "Limit: new(uint32(50))", "&limit=50"}},
		{"type=A&limit=7000", []string{"--limit 7000", "limit=7000)", "Limit: new(uint32(7000))", "&limit=7000"}},
		{"position=3", []string{"--limit 1", "", "", "limit=1"}},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		texts := s.snippets(values)
		for n, language := range []string{"cli", "python", "go", "curl"} {
			if c.want == nil && strings.Contains(strings.ToLower(texts[language]), "limit") || c.want != nil && !strings.Contains(texts[language], c.want[n]) {
				t.Errorf("%s: %s has another limit: %s", c.query, language, texts[language])
			}
		}
	}
	for query, want := range map[string]bool{"type=A": true, "type=A&limit=50": false, "type=A&start=9": false} {
		if got := strings.Contains(s.get("/code?"+query, http.StatusOK), "Only the 50 events of the page"); got != want {
			t.Errorf("%s: the lines have the note: %v", query, got)
		}
	}
}

// No code contains characters that a terminal interprets or that change how the text reads.
func TestCodeIsPrintable(t *testing.T) {
	s := newSite(t)
	s.append(codeEvents()...)
	queries := codeQueries()
	for position := range codeEvents() {
		queries = append(queries, eventValues(position))
	}
	for _, query := range queries {
		for language, text := range s.snippets(query) {
			for _, r := range text {
				if !unicode.IsPrint(r) && r != '\n' && !(r == '\t' && language == "go") {
					t.Errorf("%s has the character %q: %q", language, r, text)
					break
				}
			}
		}
	}
}

// The NDJSON of a query and of an event has one line for each event, and no other.
func TestLinesOfCode(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
	for want, values := range map[string]url.Values{
		`{"position":1,"type":"A"}` + "\n" + `{"position":2,"type":"B"}` + "\n": {"order": {"oldest"}},
		`{"position":2,"type":"B"}` + "\n":                                      {"position": {"2"}},
	} {
		if got := recordedAt.ReplaceAllString(s.snippets(values)["ndjson"], ""); got != want {
			t.Errorf("the lines are %q, want %q", got, want)
		}
	}
}

var recordedAt = regexp.MustCompile(`"recorded_at":"[^"]+",`)
