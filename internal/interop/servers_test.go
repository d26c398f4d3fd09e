package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
)

// testServer is a server under test.
type testServer struct {
	url     string
	ca      string // file with the CA certificate, or empty without TLS
	apiKey  string
	process *servertest.Process
}

// channel is the security of the connections to a server.
type channel struct {
	name   string
	secure bool // with TLS and an API key
}

var channels = []channel{{"plain", false}, {"TLS and key", true}}

// buildServer builds our program and returns its path.
var buildServer = sync.OnceValues(func() (program string, err error) {
	dir, err := os.MkdirTemp("", "umadb-interop-")
	if err != nil {
		return "", err
	}
	temporary = dir
	program = filepath.Join(dir, "umadb")
	output, err := exec.Command("go", "build", "-o", program, "github.com/umadb-go/umadb/cmd/umadb").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return program, nil
})

// temporary is the directory that TestMain removes.
var temporary string

func TestMain(m *testing.M) {
	servertest.ResetIgnoredSignals()
	code := m.Run()
	if temporary != "" {
		os.RemoveAll(temporary)
	}
	os.Exit(code)
}

// startOurs starts our server with a new store.
func startOurs(t testing.TB, c channel) *testServer {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	s, flags := prepare(t, c)
	process, address, err := servertest.StartOnFreePort(t.Context(), exec.Command(program, flags...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	s.url, s.process = s.url+address, process
	return s
}

// startReleased starts the released server with a new store. That server does not
// report its port.
func startReleased(t testing.TB, c channel) *testServer {
	t.Helper()
	program := filepath.Join(released(t), "umadb")
	s, flags := prepare(t, c)
	address := servertest.Address(t)
	s.url += address
	s.start(t, exec.Command(program, append(flags, "--listen", address)...))
	return s
}

// prepare returns a server to be started and the flags that both servers have in
// common.
func prepare(t testing.TB, c channel) (s *testServer, flags []string) {
	t.Helper()
	s = &testServer{url: "http://"}
	dir := t.TempDir()
	flags = []string{"--db-path", filepath.Join(dir, "uma.db")}
	if c.secure {
		files, err := servertest.WriteCertificate(dir)
		if err != nil {
			t.Fatal(err)
		}
		s.url, s.ca, s.apiKey = "https://", files.CA, "umadb:example-api-key-4f7c2b1d9e5f4a038c1a"
		flags = append(flags, "--tls-cert", files.Cert, "--tls-key", files.Key, "--api-key", s.apiKey)
	}
	return s, flags
}

// start starts the command of a server that listens on a reserved address.
func (s *testServer) start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	process, err := servertest.StartUmaDB(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	s.process = process
}

// stop sends SIGTERM to the server and checks that it exits without error.
func (s *testServer) stop(t testing.TB) {
	t.Helper()
	if err := s.process.Stop(); err != nil {
		t.Errorf("%v\n%s", err, s.process.Output)
	}
}
