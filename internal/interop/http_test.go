package interop_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// schemathesis is the program that tests the API over HTTP with its description.
const schemathesis = "schemathesis==4.32.5"

// installSchemathesis creates a Python environment with it, unless an earlier run did.
var installSchemathesis = sync.OnceValues(func() (bin string, err error) {
	isComplete := func(bin string) bool {
		const script = "import importlib.metadata, schemathesis, sys; sys.exit('schemathesis==' + importlib.metadata.version('schemathesis') != sys.argv[1])"
		return exec.Command(filepath.Join(bin, "python3"), "-c", script, schemathesis).Run() == nil
	}
	return servertest.InstallPython(filepath.Join(repository(), ".cache", "python", "schemathesis"), isComplete, schemathesis)
})

// TestHTTPHasTheBehaviourOfItsDescription sends requests that follow the description of the API,
// and others, and compares the answers with the description.
func TestHTTPHasTheBehaviourOfItsDescription(t *testing.T) {
	program := filepath.Join(servertest.OrSkip(t, installSchemathesis), "schemathesis")
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, server := startHTTP(t, c)
			dir := t.TempDir()
			file := filepath.Join(dir, "openapi.json")
			describe(t, server, file)
			args := []string{
				"run", file, "--url", url, "--seed", "1", "--max-failures", "5", "--no-shrink", "--suppress-health-check", "all", "--request-timeout", "60",
				"--exclude-path", "/v1/subscribe", // it does not end
			}
			if c.secure {
				args = append(args, "--phases", "examples,fuzzing", "--max-examples", "5", "--tls-verify", server.ca, "--header", "Authorization: Bearer "+server.apiKey)
			} else {
				args = append(args, "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--exclude-checks", "ignored_auth")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			run := exec.CommandContext(ctx, program, args...)
			run.Dir = dir // for its files
			run.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+filepath.Join(repository(), "internal", "interop", "testdata", "http"), "PYTHONDONTWRITEBYTECODE=1")
			if output, err := run.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

// startHTTP starts our server with a new store, and returns the URL of its API over HTTP, which
// permits appends.
func startHTTP(t *testing.T, c channel) (url string, s *testServer) {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	s, flags := prepare(t, c)
	address := servertest.Address(t)
	url = s.url + address
	process, _, err := servertest.StartOnFreePort(t.Context(), exec.Command(program, append(flags, "--console", address, "--console-append")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	s.process = process
	return url, s
}

// describe writes the description of the API to a file. If the server requires no key, it is
// without it.
func describe(t *testing.T, s *testServer, file string) {
	t.Helper()
	text := []byte(readDocument(t, "internal/httpapi/openapi.json"))
	if s.apiKey == "" {
		var description map[string]any
		if err := json.Unmarshal(text, &description); err != nil {
			t.Fatal(err)
		}
		delete(description, "security")
		text, _ = json.Marshal(description)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
