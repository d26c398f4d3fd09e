package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/web"
)

func TestTooManyRequestsAreRefused(t *testing.T) {
	s := newServer(web.Options{})
	waiting, leave := make(chan struct{}), make(chan struct{})
	s.Handle("GET /wait", func(http.ResponseWriter, *http.Request, *web.Backend) error {
		waiting <- struct{}{}
		<-leave
		return nil
	}, web.FailJSON)
	var requests sync.WaitGroup
	for n := range web.MaxRequests {
		requests.Go(func() { request(s, "GET", "/wait", "", otherKey(n%4)...) })
		<-waiting
	}
	if got := request(s, "GET", "/ok", "", withKey...); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("one more has the status %d and the headers %v", got.StatusCode, got.Header)
	}
	if got := request(s, "GET", "/ok", ""); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("one without a key has the status %d", got.StatusCode)
	}
	if got := request(s, "GET", "/open", ""); got.StatusCode != http.StatusSeeOther {
		t.Errorf("one that needs no key has the status %d", got.StatusCode)
	}
	close(leave)
	requests.Wait()
	if got := request(s, "GET", "/ok", "", withKey...); got.StatusCode != http.StatusOK {
		t.Errorf("after them, the status is %d", got.StatusCode)
	}
}

// Appends that wait for the disk do not keep pages from being served.
func TestAppendsHaveSlotsOfTheirOwn(t *testing.T) {
	s := newServer(web.Options{})
	waiting, leave := make(chan struct{}), make(chan struct{})
	s.HandleAppend("POST /append", func(http.ResponseWriter, *http.Request, *web.Backend) error {
		waiting <- struct{}{}
		<-leave
		return nil
	}, web.FailJSON)
	var appends sync.WaitGroup
	for n := range web.MaxAppends {
		appends.Go(func() { request(s, "POST", "/append", "", otherKey(n%4)...) })
		<-waiting
	}
	if got := request(s, "POST", "/append", "", withKey...); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more append has the status %d", got.StatusCode)
	}
	if got := request(s, "GET", "/ok", "", withKey...); got.StatusCode != http.StatusOK {
		t.Errorf("another request has the status %d", got.StatusCode)
	}
	close(leave)
	appends.Wait()
}

func TestAnswerThatFailsMidwayBreaksTheConnection(t *testing.T) {
	site := start(t, newServer(web.Options{}))
	response := site.get("/half")
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the answer is %q and ends with %v", body, err)
	}
}

// get sends a request with the valid key.
func (s *site) get(path string) *http.Response {
	s.t.Helper()
	response, err := s.send(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return response
}

// send is get for any goroutine.
func (s *site) send(path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set(withKey[0], withKey[1])
	return http.DefaultClient.Do(r)
}

func TestBugIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := newServer(web.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if got := request(s, "GET", "/bug", "", withKey...); got.StatusCode != http.StatusInternalServerError {
		t.Errorf("the status is %d", got.StatusCode)
	}
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "a bug") || !strings.Contains(text, "site_test.go") {
		t.Errorf("the log is %q", text)
	}
}

func TestStreamsEndWhenTheServerStops(t *testing.T) {
	s := newServer(web.Options{})
	s.HandleStream("GET /stream", func(w http.ResponseWriter, r *http.Request, _ *web.Backend) error {
		io.WriteString(w, "first")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return r.Context().Err()
	}, web.FailJSON)
	site := start(t, s)
	response := site.get("/stream")
	defer response.Body.Close()
	if _, err := io.ReadFull(response.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.Stop(ctx)
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
}

// Connections without a request do not keep others from being served.
func TestIdleConnectionsAreClosedForOthers(t *testing.T) {
	s := newServer(web.Options{})
	waiting, leave := make(chan struct{}), make(chan struct{})
	s.Handle("GET /wait", func(w http.ResponseWriter, _ *http.Request, _ *web.Backend) error {
		close(waiting)
		<-leave
		_, err := io.WriteString(w, "waited")
		return err
	}, web.FailJSON)
	site := start(t, s)
	done := make(chan string, 1)
	go func() {
		response, err := site.send("/wait")
		if err != nil {
			done <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		done <- string(body)
	}()
	select {
	case <-waiting:
	case answer := <-done:
		t.Fatalf("the request ends at once: %s", answer)
	}
	var idle []net.Conn
	for range web.MaxConnections + 8 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		idle = append(idle, conn)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Get(site.url + "/ok")
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the next request fails: %v, %v", response, err)
	} else {
		response.Body.Close()
	}
	idle[0].SetReadDeadline(time.Now().Add(patience))
	if _, err := idle[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("the oldest connection is open: %v", err)
	}
	close(leave)
	if body := <-done; body != "waited" {
		t.Errorf("the request in progress is answered with %q", body)
	}
}

func isReset(err error) bool { return err != nil && strings.Contains(err.Error(), "reset") }

// pipes is a listener of connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// inMemory calls test with a connection to a server. Time is that of package synctest.
func inMemory(t *testing.T, s func() *web.Server, test func(t *testing.T, conn net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		served, listener := s(), make(pipes)
		ended := make(chan error, 1)
		go func() { ended <- served.Serve(listener) }()
		conn, accepted := net.Pipe()
		listener <- accepted
		test(t, conn)
		conn.Close()
		close(listener)
		served.Stop(t.Context())
		<-ended
	})
}

const start1 = " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + validKey + "\r\n"

func TestClientThatDoesNotReadIsDisconnected(t *testing.T) {
	var failed chan time.Duration
	server := func() *web.Server {
		failed = make(chan time.Duration, 1)
		s := newServer(web.Options{})
		s.HandleLong("GET /long", func(w http.ResponseWriter, _ *http.Request, _ *web.Backend) error {
			start := time.Now()
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					failed <- time.Since(start)
					return err
				}
			}
		}, web.FailJSON)
		return s
	}
	inMemory(t, server, func(t *testing.T, conn net.Conn) {
		io.WriteString(conn, "GET /long"+start1+"\r\n")
		if after := <-failed; after != web.WriteTimeout {
			t.Errorf("writing fails after %v, want %v", after, web.WriteTimeout)
		}
	})
}

func TestSlowBodyIsRefused(t *testing.T) {
	inMemory(t, func() *web.Server { return newServer(web.Options{}) }, func(t *testing.T, conn net.Conn) {
		start := time.Now()
		io.WriteString(conn, "POST /body"+start1+"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n[")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusRequestTimeout || time.Since(start) != web.RequestTimeout {
			t.Errorf("the answer is %v (%v) after %v", response, err, time.Since(start))
		}
	})
}

// A body that no handler reads does not keep a request open.
func TestUnreadSlowBodyEnds(t *testing.T) {
	inMemory(t, func() *web.Server { return newServer(web.Options{}) }, func(t *testing.T, conn net.Conn) {
		start := time.Now()
		io.WriteString(conn, "GET /open"+start1+"Content-Length: 100\r\n\r\n[")
		io.Copy(io.Discard, conn)
		if after := time.Since(start); after > 2*web.RequestTimeout {
			t.Errorf("the connection ends after %v", after)
		}
	})
}

func TestBodies(t *testing.T) {
	s := newServer(web.Options{RequestBytes: 100_000})
	asJSON := slices.Concat(withKey, []string{"Content-Type", "application/json; charset=utf-8"})
	for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 40_000, 100_000} {
		body := strings.Repeat("x", size)
		got := request(s, "POST", "/body", body, asJSON...)
		if text, err := io.ReadAll(got.Body); err != nil || got.StatusCode != http.StatusOK || string(text) != body {
			t.Errorf("a body of %d bytes has the status %d and %d bytes (%v)", size, got.StatusCode, len(text), err)
		}
	}
	if got := request(s, "POST", "/body", strings.Repeat("x", 100_001), asJSON...); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body has the status %d", got.StatusCode)
	}
	site := start(t, s)
	for size, want := range map[int]int{99_999: 200, 100_001: 413} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.url+"/body", io.LimitReader(zeros{}, int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(withKey[0], withKey[1])
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("a body of %d bytes in chunks has the status %d, want %d", size, response.StatusCode, want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestBodyWaitsForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(web.Options{})
		s.ClaimBodies()
		start := time.Now()
		got := request(s, "POST", "/body", "{}", slices.Concat(withKey, []string{"Content-Type", "application/json"})...)
		if got.StatusCode != http.StatusServiceUnavailable || time.Since(start) != web.MemoryTimeout {
			t.Errorf("the status is %d after %v", got.StatusCode, time.Since(start))
		}
	})
}
