package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// patience is the maximum time to wait for a server.
const patience = 30 * time.Second

// validKey is the key of newServer, which also accepts it with a suffix.
const validKey = "orders:example-api-key-4f7c2b1d"

var errRefused = &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the API key is not valid"}

// newServer returns a server that requires a key, with handlers for tests.
func newServer(options web.Options) *web.Server {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Connect == nil {
		options.Connect = func(_ context.Context, key string) (*web.Backend, error) {
			if !strings.HasPrefix(key, validKey) {
				return nil, errRefused
			}
			return &web.Backend{Close: func() error { return nil }}, nil
		}
	}
	s := web.New(options)
	s.Handle("GET /ok", func(w http.ResponseWriter, _ *http.Request, _ *web.Backend) error {
		_, err := io.WriteString(w, "ok")
		return err
	}, web.FailJSON)
	s.Handle("POST /ok", func(http.ResponseWriter, *http.Request, *web.Backend) error { return nil }, web.FailJSON)
	s.Handle("POST /body", func(w http.ResponseWriter, r *http.Request, b *web.Backend) error {
		body, release, err := b.ReadJSON(r)
		if err != nil {
			return err
		}
		defer release()
		_, err = w.Write(body)
		return err
	}, web.FailJSON)
	s.Handle("GET /denied", func(http.ResponseWriter, *http.Request, *web.Backend) error {
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the key has no right to this"}
	}, web.FailJSON)
	s.Handle("GET /bug", func(http.ResponseWriter, *http.Request, *web.Backend) error { panic("a bug") }, web.FailJSON)
	s.Handle("GET /half", func(w http.ResponseWriter, _ *http.Request, _ *web.Backend) error {
		io.WriteString(w, "half")
		http.NewResponseController(w).Flush()
		return errors.New("the other half is missing")
	}, web.FailJSON)
	s.HandleOpen("GET /open", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusSeeOther) })
	s.HandleOpen("POST /login", func(w http.ResponseWriter, r *http.Request) { web.Login(w, r, r.FormValue("key")) })
	s.HandleOpen("POST /logout", func(w http.ResponseWriter, r *http.Request) { web.Logout(w, r) })
	return s
}

// site is a server and its URL.
type site struct {
	t   *testing.T
	url string
}

// start serves at a free port.
func start(t *testing.T, s *web.Server) *site {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.Stop(ctx)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &site{t, "http://" + listener.Addr().String()}
}

// request returns the answer of a server to a request. header has names and values in turn; the
// name Host sets the host.
func request(s http.Handler, method, path, body string, header ...string) *http.Response {
	return send(s, httptest.NewRequest(method, "http://127.0.0.1:50080"+path, strings.NewReader(body)), header)
}

// requestWith is request for a body that is not in memory.
func requestWith(s http.Handler, path string, body io.Reader, header ...string) *http.Response {
	return send(s, httptest.NewRequest(http.MethodPost, "http://127.0.0.1:50080"+path, body), header)
}

func send(s http.Handler, r *http.Request, header []string) *http.Response {
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

// withKey is the header with the valid key.
var withKey = []string{"Authorization", "Bearer " + validKey}

// otherKey returns the header with another valid key.
func otherKey(n int) []string { return []string{"Authorization", fmt.Sprint("Bearer ", validKey, n)} }

// asJSON is the header of a body that is JSON.
var asJSON = []string{"Content-Type", "application/json"}

// connectAll is the Connect of a server without keys.
func connectAll(context.Context, string) (*web.Backend, error) {
	return &web.Backend{Close: func() error { return nil }}, nil
}
