package interop_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
)

// The Python that the console shows for a query runs with the released client, and the command
// with ours. Both read the events of the query, in the order of the page.
func TestConsoleCodeRuns(t *testing.T) {
	python := filepath.Join(released(t), "python3")
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	server, address, pages := startConsole(t, channels[0])
	store, err := client.Dial(server.url+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	name := `it's "x" y`
	events := []dcb.Event{{Type: "A", Tags: []string{name}, Data: []byte("1")}, {Type: "B", Data: []byte("2")}, {Type: "A", Data: []byte("3")}, {Type: "C", Data: []byte("4")}}
	if _, err := store.Append(t.Context(), events, nil, nil); err != nil {
		t.Fatal(err)
	}
	code := consoleCode(t, server.url+pages+"/code.json?type=A&tag=it%27s+%22x%22+y&item=type%3DC&limit=5")
	for language, run := range map[string]*exec.Cmd{
		"python": exec.Command(python, "-c", strings.ReplaceAll(code["python"], "127.0.0.1:50051", address)),
		"cli":    exec.Command("sh", "-c", `umadb() { "$0" "$@"; }; `+strings.ReplaceAll(code["cli"], "127.0.0.1:50051", address), program),
	} {
		out, err := run.CombinedOutput()
		var positions []string
		for line := range strings.Lines(string(out)) {
			if position, _, found := strings.Cut(line, " "); found && position != "" {
				positions = append(positions, position)
			}
		}
		if err != nil || strings.Join(positions, " ") != "4 1" {
			t.Errorf("%s: %v: %s", language, err, out)
		}
	}
}

// consoleCode returns the programs that a page of the console shows, by language.
func consoleCode(t *testing.T, url string) map[string]string {
	t.Helper()
	response, err := (&http.Client{Timeout: time.Minute}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var data struct{ Snippets []struct{ ID, Text string } }
	if err := json.NewDecoder(response.Body).Decode(&data); err != nil {
		t.Fatal(err)
	}
	code := map[string]string{}
	for _, snippet := range data.Snippets {
		code[snippet.ID] = snippet.Text
	}
	return code
}
