package console_test

import (
	"encoding/json"
	"io"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// eventValues returns the parameters of the page of code for the event with this index.
func eventValues(index int) url.Values { return url.Values{"position": {strconv.Itoa(index + 1)}} }

// pythonEvent returns an event as the stub of the Python class has it, in JSON.
func pythonEvent(e dcb.Event) string {
	data := make([]int, len(e.Data))
	for i, b := range e.Data {
		data[i] = int(b)
	}
	metadata := map[string]string{}
	for _, m := range e.Metadata {
		metadata[m.Key] = m.Value
	}
	out, err := json.Marshal([]any{e.Type, data, append([]string{}, e.Tags...), e.UUID, metadata})
	if err != nil {
		panic(err)
	}
	return string(out)
}

// compiled returns a function that opens what the compiler exports of packages and of those that
// they import.
func compiled(t *testing.T, packages ...string) func(path string) (io.ReadCloser, error) {
	t.Helper()
	arguments := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	out, err := exec.Command("go", append(arguments, packages...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

func equalJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Errorf("%v in %s", err, a)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Errorf("%v in %s", err, b)
	}
	return reflect.DeepEqual(x, y)
}
