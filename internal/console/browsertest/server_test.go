package browsertest_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// buildProgram builds the program under test and returns its path.
var buildProgram = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(temporary, "umadb")
	output, err := exec.Command("go", "build", "-o", program, "github.com/umadb-go/umadb/cmd/umadb").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return program, nil
})

func needProgram(t *testing.T) string {
	t.Helper()
	program, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// site is a console with a store.
type site struct {
	url   string // of the pages
	store dcb.EventStore
	// commits is the number of commits of append.
	commits uint64
	// stop kills the server. It is nil if that is another one than ours.
	stop func()
}

// serve starts our server with a console and a new store, and returns it with a client.
func serve(t *testing.T, flags ...string) *site {
	t.Helper()
	return serveDirectory(t, filepath.Join(t.TempDir(), "uma.db"), flags...)
}

// serveExport starts our server with a console and a store that has the events of an export.
func serveExport(t *testing.T, export []byte, flags ...string) *site {
	t.Helper()
	needBrowser(t)
	database := filepath.Join(t.TempDir(), "uma.db")
	load := exec.Command(needProgram(t), "import", "--db-path", database)
	load.Stdin = bytes.NewReader(export)
	if output, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return serveDirectory(t, database, flags...)
}

// serveDirectory starts our server with a console.
func serveDirectory(t *testing.T, dir string, flags ...string) *site {
	t.Helper()
	needBrowser(t)
	args := append([]string{"serve", "--db-path", "./" + filepath.Base(dir), "--console", "127.0.0.1:0"}, flags...)
	server := exec.Command(needProgram(t), args...)
	server.Dir = filepath.Dir(dir)
	process, address, err := servertest.StartOnFreePort(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	s := &site{stop: process.Kill}
	pages, found := process.Output.AwaitMessage(t.Context(), "serving the console")
	s.url = "http://" + pages
	if !found {
		t.Fatalf("the server does not serve the console: %s", process.Output)
	}
	if s.store, err = client.Dial("http://"+address, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	return s
}

// serveOther starts "umadb console" for the server at a URL. The page at the URL of the site logs
// the browser in.
func serveOther(t *testing.T, url string, flags ...string) *site {
	t.Helper()
	needBrowser(t)
	console := exec.Command(needProgram(t), append([]string{"console", "--url", url, "--listen", "127.0.0.1:0"}, flags...)...)
	process, err := servertest.Start(console)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	s := &site{}
	found := process.Output.Await(t.Context(), func(output string) bool {
		for line := range strings.Lines(output) {
			if strings.HasPrefix(line, "http://") && strings.HasSuffix(line, "\n") {
				s.url = strings.TrimSpace(line)
			}
		}
		return s.url != ""
	})
	if !found {
		t.Fatalf("umadb console prints no address: %s", process.Output)
	}
	return s
}
