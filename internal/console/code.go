package console

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/web"
)

// code shows how programs read what Browse shows or, with the parameter position, how they
// contain one event.
var code = page{path: "/code", title: "Code", load: loadCode}

// codeData is the data of code.
type codeData struct {
	Snippets []snippet `json:"snippets"`
	// ID distinguishes the elements of several of these on one page.
	ID string `json:"-"`
}

// snippet is a text to copy.
type snippet struct {
	ID    string `json:"id"` // of its element, such as go
	Title string `json:"title"`
	Note  string `json:"note,omitempty"`
	Text  string `json:"text"`
}

// maxLineBytes is the maximum size of the lines of JSON that code shows.
const maxLineBytes = 256 << 10

func loadCode(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	values := r.URL.Query()
	if values.Get("position") != "" {
		e, by, _, err := readEvent(ctx, r, b)
		if err != nil {
			return nil, err
		}
		return &codeData{eventSnippets(e, by, newEndpoints(r, b)), "-" + values.Get("position")}, nil
	}
	if _, err := canonical(values); err != nil {
		return nil, err
	}
	wanted, err := newBrowsing(values)
	if err != nil {
		return nil, err
	}
	events, _, next, err := wanted.read(ctx, b.Events, newBudget(r, maxLineBytes))
	if err != nil {
		return nil, err
	}
	return &codeData{Snippets: querySnippets(wanted, events, next > 0, newEndpoints(r, b))}, nil
}

// endpoints are the URLs that snippets contain.
type endpoints struct {
	server    string // for clients
	directory string // of the store, if there is no server
	http      string // of these pages
	// hasKey is set if these pages require a key, and printedKey if it is in the address that was printed.
	hasKey, printedKey bool
}

func newEndpoints(r *http.Request, b *web.Backend) endpoints {
	e := endpoints{server: "http://127.0.0.1:50051", http: "http://" + r.Host, printedKey: b.PrintedKey}
	e.hasKey = web.IsLoggedIn(r) || r.Header.Get("Authorization") != ""
	if b.Directory {
		e.directory = b.Name
	}
	if strings.HasPrefix(b.Name, "http://") || strings.HasPrefix(b.Name, "https://") {
		e.server = b.Name
	}
	if r.TLS != nil {
		e.http = "https://" + r.Host
	}
	return e
}

// isSecure reports whether clients send a key, which they do only with TLS.
func (e endpoints) isSecure() bool {
	return e.directory == "" && strings.HasPrefix(e.server, "https://")
}

// curlNote says what the key is.
func (e endpoints) curlNote() string {
	switch {
	case !e.hasKey:
		return ""
	case e.printedKey:
		return "The key is the part after key= of the address that umadb console printed."
	}
	return "The key is that with which you have logged in here."
}

// querySnippets returns programs that read the events that a page shows.
func querySnippets(b browsing, events []shownEvent, more bool, e endpoints) []snippet {
	lines, note := eventLines(events, more && len(events) < b.limit)
	if more && note == "" && (b.asked == nil || *b.asked > uint32(b.limit)) {
		note = fmt.Sprintf("Only the %d events of the page: the programs beside it read all that match.", len(events))
	}
	return []snippet{
		{"cli", "Command", "", readCommand(b, e)},
		{"python", "Python", "", readPython(b, e)},
		{"go", "Go", "", readGo(b, e)},
		{"curl", "curl", e.curlNote(), curlCommand(e, apiValues(b))},
		{"ndjson", "NDJSON", note, lines},
	}
}

// eventSnippets returns one event in several languages. by is the item with which the key can read it, or empty.
func eventSnippets(event dcb.SequencedEvent, by dcb.QueryItem, e endpoints) []snippet {
	one := browsing{asked: new(uint32(1)), Selection: selection.Selection{Options: dcb.ReadOptions{Start: &event.Position}}}
	if !isEmpty(by) {
		one.Query.Items = []dcb.QueryItem{by}
	}
	commands := []snippet{
		{"cli", "Command", "", readCommand(one, e) + " --json"},
		{"curl", "curl", e.curlNote(), curlCommand(e, apiValues(one))},
	}
	if jsonSize(&event) > maxLineBytes {
		commands[0].Note = "The event is too large to show it as NDJSON, Python or Go."
		return commands
	}
	lines, _ := eventLines([]shownEvent{{SequencedEvent: event}}, false)
	return append([]snippet{
		{"ndjson", "NDJSON", "", lines},
		{"python", "Python", "", eventPython(event.Event)},
		{"go", "Go", "", eventGo(event.Event)},
	}, commands...)
}

// eventLines returns events as lines of JSON, and a note if it has omitted some, or if there are more.
func eventLines(events []shownEvent, more bool) (lines, note string) {
	var out []byte
	for i := range events {
		if events[i].isPart() {
			more = true
			break
		}
		out = ndjson.AppendEvent(out, &events[i].SequencedEvent)
	}
	if more {
		note = "More lines than these are too long to show here: use the command or curl."
	}
	return string(out), note
}
