package interop_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// testServer is a server under test.
type testServer struct {
	url     string
	ca      string // file with the CA certificate, or empty without TLS
	apiKey  string
	process *exec.Cmd
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
	if signal.Ignored(os.Interrupt) { // processes inherit that unless it is handled here
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
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
	flags = append(flags, "--listen", "127.0.0.1:0", "--log-format", "json")
	s.process = exec.Command(program, flags...)
	stderr, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.url += readAddress(t, stderr)
	return s
}

// startReleased starts the released server with a new store. That server does not
// report its port, so it gets one that was free.
func startReleased(t testing.TB, c channel) *testServer {
	t.Helper()
	program := filepath.Join(released(t), "umadb")
	s, flags := prepare(t, c)
	address := freeAddress(t)
	s.url += address
	s.process = exec.Command(program, append(flags, "--listen", address)...)
	s.start(t)
	await(t, address)
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
		files, err := writeCertificate(dir)
		if err != nil {
			t.Fatal(err)
		}
		s.url, s.ca, s.apiKey = "https://", files.ca, "umadb:example-api-key-4f7c2b1d9e5f4a038c1a"
		flags = append(flags, "--tls-cert", files.cert, "--tls-key", files.key, "--api-key", s.apiKey)
	}
	return s, flags
}

func (s *testServer) start(t testing.TB) {
	t.Helper()
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.process.Process.Kill()
		s.process.Wait()
	})
}

// stop sends SIGTERM to the server and checks that it exits without error.
func (s *testServer) stop(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, func() {
		t.Error("the server did not end within 30 s")
		s.process.Process.Kill()
	})
	defer late.Stop()
	if err := s.process.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// readAddress returns the address in the log of our server and discards the rest of
// the log.
func readAddress(t testing.TB, log io.Reader) string {
	t.Helper()
	var lines strings.Builder
	scanner := bufio.NewScanner(log)
	for scanner.Scan() {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(scanner.Bytes(), &entry) == nil && entry.Msg == "listening" {
			go io.Copy(io.Discard, log)
			return entry.Address
		}
		lines.WriteString(scanner.Text() + "\n")
	}
	t.Fatalf("the server exited before it listened:\n%s", lines.String())
	return ""
}

// freeAddress returns an address with a port that was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	return lis.Addr().String()
}

// await waits until a server accepts connections at an address.
func await(t testing.TB, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no server is listening on %s", address)
}
