package interop_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// httpTests are files for schemathesis, which tests the API over HTTP with its description.
var httpTests = filepath.Join(repository(), "internal", "interop", "testdata", "http")

// installSchemathesis creates a Python environment with schemathesis.
var installSchemathesis = sync.OnceValues(func() (bin string, err error) {
	return servertest.InstallRequirements(filepath.Join(repository(), ".cache", "python", "schemathesis"), filepath.Join(httpTests, "requirements.txt"))
})

// TestHTTPHasTheBehaviourOfItsDescription sends requests that follow the description of the API,
// and others, and compares the answers with the description. Each run sends the same requests.
func TestHTTPHasTheBehaviourOfItsDescription(t *testing.T) {
	program := filepath.Join(servertest.OrSkip(t, installSchemathesis), "schemathesis")
	server, _, address := startConsole(t, channels[0])
	runSchemathesis(t, program, server.url+address, "--exclude-path", subscribePath)
	runSchemathesis(t, program, endStreams(t, server.url+address), "--include-path", subscribePath)
}

// subscribePath is the path whose answers do not end on their own.
const subscribePath = "/v1/subscribe"

// endStreams starts a proxy that ends each stream after its first block, which a server sends at the
// latest a second after it has accepted a subscription. It returns its URL.
func endStreams(t *testing.T, target string) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.URL.RawQuery = r.In.URL.RawQuery // also if it is malformed
		},
		ModifyResponse: func(r *http.Response) error {
			if strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
				r.Body = &firstBlock{ReadCloser: r.Body}
			}
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// firstBlock is the start of a stream of server-sent events, up to the first empty line.
type firstBlock struct {
	io.ReadCloser
	last  byte
	ended bool
}

// Read implements io.Reader.
func (b *firstBlock) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	for i, c := range p[:n] {
		if c == '\n' && b.last == '\n' {
			b.ended = true
			return i + 1, nil
		}
		b.last = c
	}
	return n, err
}

// runSchemathesis tests the API at an address with its description, or a part of it.
func runSchemathesis(t *testing.T, program, address string, part ...string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "openapi.json")
	describe(t, file)
	ctx := t.Context()
	if deadline, limited := t.Deadline(); limited {
		limit, cancel := context.WithDeadline(ctx, deadline.Add(-10*time.Second)) // so that it ends before this program
		defer cancel()
		ctx = limit
	}
	run := exec.CommandContext(ctx, program, append([]string{"run", file, "--url", address,
		"--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--exclude-checks", "ignored_auth",
		"--seed", "1", "--generation-deterministic",
		"--max-failures", "5", "--no-shrink", "--suppress-health-check", "all", "--request-timeout", "60",
	}, part...)...)
	run.Dir = dir // for its files
	run.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+httpTests, "PYTHONDONTWRITEBYTECODE=1")
	if output, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// Over TLS, a request with the key is answered, and one without it is not.
func TestHTTPWithTLSAndKey(t *testing.T) {
	server, _, address := startConsole(t, channels[1])
	certificate, err := os.ReadFile(server.ca)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(certificate) {
		t.Fatalf("there is no certificate in %s", server.ca)
	}
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	defer browser.CloseIdleConnections()
	for key, want := range map[string]int{server.apiKey: http.StatusOK, "": http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.url+address+"/v1/head", nil)
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		response, err := browser.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("with the key %q the status is %d, want %d", key, response.StatusCode, want)
		}
	}
}

// startConsole starts our server with a new store and a console, which permits appends. It returns
// their addresses.
func startConsole(t *testing.T, c channel) (s *testServer, address, console string) {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	s, flags := prepare(t, c)
	s.process, address, err = servertest.StartOnFreePort(t.Context(), exec.Command(program, append(flags, "--console", "127.0.0.1:0", "--console-append")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.process.Kill)
	console, found := s.process.Output.AwaitMessage(t.Context(), "serving the console")
	if !found {
		t.Fatalf("the server does not serve the console: %s", s.process.Output)
	}
	return s, address, console
}

// describe writes the description of the API to a file, for a server that requires no key.
func describe(t *testing.T, file string) {
	t.Helper()
	var description map[string]any
	if err := json.Unmarshal([]byte(readDocument(t, "internal/httpapi/openapi.json")), &description); err != nil {
		t.Fatal(err)
	}
	delete(description, "security")
	text, err := json.Marshal(description)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
