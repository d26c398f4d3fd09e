package cli_test

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// notifySocket is a socket that receives what a service sends to systemd.
type notifySocket struct{ *net.UnixConn }

// newNotifySocket sets NOTIFY_SOCKET for the processes of a test.
func newNotifySocket(t *testing.T) notifySocket {
	t.Helper()
	name := filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return notifySocket{conn}
}

// want reads the next messages, which must match the patterns.
func (n notifySocket) want(t *testing.T, patterns ...string) {
	t.Helper()
	if err := n.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range patterns {
		message := make([]byte, 1024)
		size, err := n.Read(message)
		if err != nil {
			t.Fatalf("%v; want %s", err, pattern)
		}
		if !regexp.MustCompile(`^` + pattern + `$`).Match(message[:size]) {
			t.Fatalf("the message is %q, want %s", message[:size], pattern)
		}
	}
}

func TestServerNotifiesSystemd(t *testing.T) {
	socket := newNotifySocket(t)
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"))
	socket.want(t, "READY=1")
	server.Signal(syscall.SIGHUP)
	socket.want(t, `RELOADING=1\nMONOTONIC_USEC=[1-9]\d*\n`, "READY=1")
	server.Signal(syscall.SIGTERM)
	socket.want(t, "STOPPING=1")
	if code, err := server.Wait(patience); code != 0 || err != nil {
		t.Errorf("exit code %d: %v", code, err)
	}
}

// The server feeds the watchdog, with TLS and without.
func TestServerFeedsWatchdog(t *testing.T) {
	certificate, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{
		"plain":               nil,
		"TLS":                 {"--tls-cert", certificate.Cert, "--tls-key", certificate.Key},
		"client certificates": {"--tls-cert", certificate.Cert, "--tls-key", certificate.Key, "--client-ca", certificate.CA},
	} {
		t.Run(name, func(t *testing.T) {
			socket := newNotifySocket(t)
			t.Setenv("WATCHDOG_USEC", "600000000") // the first message does not wait
			server := start(t, append(flags, "--db-path", filepath.Join(t.TempDir(), "uma.db"))...)
			socket.want(t, "READY=1", "WATCHDOG=1")
			stop(t, server.Process)
			if log := server.Output.String(); strings.Contains(log, "WARN") {
				t.Errorf("the check has caused a warning: %s", log)
			}
		})
	}
}
