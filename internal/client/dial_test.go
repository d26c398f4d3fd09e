package client_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
)

func TestDialRejectsInvalidURL(t *testing.T) {
	for _, url := range []string{
		"", "localhost", "localhost:50051", "127.0.0.1:50051", "ftp://localhost", "http://", "http://:50051",
		"http://user@localhost", "http://localhost/path", "http://localhost?query", "http://localhost#fragment",
		"http://a,", "http://,a", "http://a,,b", "http://a,b:0", "http://a,b/path", "http://a,http://b", "http://a,a", "http://a,A:50051", "http://user@a,b", "a,b",
		"http://" + strings.Repeat("a,", 16) + "b", "ftp://a,b",
		"http://localhost:port", "http://localhost:99999", "http://localhost:0", "http://localhost:-1", "http://[::1", "\x00", "unix:///socket",
	} {
		if _, err := client.Dial(url, nil); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestErrorForMissingSchemeContainsURL(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:50051": `use "http://127.0.0.1:50051", or "https://127.0.0.1:50051" if`,
		"localhost:50051": `use "http://localhost:50051"`,
		"db.example":      `use "http://db.example"`,
		"[::1]:50051":     `use "http://[::1]:50051"`,
		"no host":         "it must start with http://",
		"":                "it must start with http://",
	} {
		if _, err := client.Dial(address, nil); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", address, err, want)
		}
	}
}

func TestSchemes(t *testing.T) {
	options := &client.Options{ConnectTimeout: 100 * time.Millisecond}
	for _, url := range []string{"http://127.0.0.1", "https://127.0.0.1", "grpc://127.0.0.1/", "grpcs://127.0.0.1", "http://[::1]"} {
		c, err := client.Dial(url, options)
		if err == nil {
			c.Close()
			t.Skip("a server runs on the default port")
		}
		if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), ":50051") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestDialReturnsReason(t *testing.T) {
	address := servertest.Address(t)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() error {
		started := time.Now()
		_, err := client.Dial("http://"+address, &client.Options{ConnectTimeout: time.Second})
		if took := time.Since(started); took > patience/2 {
			t.Errorf("it took %v", took)
		}
		if !errors.Is(err, dcb.ErrTransport) {
			t.Errorf("got %v", err)
		}
		return err
	}
	if err := dial(); !strings.Contains(err.Error(), "no connection") {
		t.Errorf("a silent server: %v", err)
	}
	listener.Close()
	if err := dial(); err.Error() != "transport error: no connection to "+address+" within 1s: connection refused" {
		t.Errorf("no server: %v", err)
	}
}

func TestDialReturnsReasonOfLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		_, err := client.NewOver(func(context.Context, string) (net.Conn, error) {
			if time.Since(started) < time.Second {
				return nil, errors.New("refused")
			}
			conn, server := net.Pipe()
			server.Close()
			return conn, nil
		}, "a:1")
		if !errors.Is(err, dcb.ErrTransport) || strings.Contains(err.Error(), "refused") || strings.HasSuffix(err.Error(), "within 5s") {
			t.Errorf("no listener, then one that closes connections: %v", err)
		}
	})
}

func TestFailFast(t *testing.T) {
	address := servertest.Address(t)
	for url, want := range map[string]string{
		"http://" + address:      "no connection to " + address + ": connection refused",
		"http://nowhere.invalid": "no connection to nowhere.invalid:50051: lookup nowhere.invalid",
	} {
		started := time.Now()
		_, err := client.Dial(url, &client.Options{FailFast: true, ConnectTimeout: 10 * patience})
		if took := time.Since(started); took > patience {
			t.Errorf("%s: it took %v", url, took)
		}
		if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestDialWaitsForServer(t *testing.T) {
	address := servertest.Address(t)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	dialed := make(chan error, 1)
	go func() {
		c, err := client.Dial("http://"+address, &client.Options{ConnectTimeout: patience})
		if err == nil {
			c.Close()
		}
		dialed <- err
	}()
	attempt, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	attempt.Close()
	listener.Close()
	new(scripted).start(t, address)
	if err := <-dialed; err != nil {
		t.Error(err)
	}
}

func TestDialRejectsInvalidCAFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing", t.TempDir()} {
		for _, scheme := range []string{"https", "http"} {
			_, err := client.Dial(scheme+"://localhost", &client.Options{CAFile: file})
			if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "CA file") {
				t.Errorf("%s, %s: %v", scheme, file, err)
			}
		}
	}
}
