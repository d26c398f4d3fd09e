package peer

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

// A key is forwarded only over TLS, or on the same machine.
func TestPrivateURLs(t *testing.T) {
	for url, want := range map[string]bool{
		"https://a:1": true, "grpcs://a": true, "umadbs://a": true, "HTTPS://a": true,
		"http://127.0.0.1:1": true, "http://[::1]:1": true,
		"http://a:1": false, "http://10.0.0.1:1": false, "grpc://a": false, "umadb://a": false, "httpsx://a": false, "https": false, "": false,
	} {
		if got := isPrivate(url); got != want {
			t.Errorf("%q: %t", url, got)
		}
	}
}

// A server that cannot be used, as with a wrong --peer-ca, is logged once a minute.
func TestWarningAboutServerThatCannotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		f := New(Options{
			Connect: func(string) (*grpcclient.Conn, error) { return nil, errors.New("no certificate in ca.pem") },
			Logger:  slog.New(slog.NewTextHandler(&log, nil)),
		})
		defer f.Close()
		for range 3 {
			if f.writers.acquire("https://b:50051") != nil {
				t.Error("a server without a connection is used")
			}
			time.Sleep(avoidFor)
		}
		if strings.Count(log.String(), "server=https://b:50051") != 1 || !strings.Contains(log.String(), "no certificate in ca.pem") {
			t.Errorf("logged %s", &log)
		}
		time.Sleep(time.Minute)
		if f.writers.acquire("https://b:50051"); strings.Count(log.String(), "level=WARN") != 2 {
			t.Errorf("after a minute, logged %s", &log)
		}
	})
}
