package web_test

import (
	"bufio"
	"io"
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

// A key has at most a quarter of the slots. Requests of a server without keys are not divided.
func TestKeyHasAShare(t *testing.T) {
	for _, c := range []struct {
		key  []string
		most int
	}{{withKey, web.MaxRequests / 4}, {nil, web.MaxRequests}} {
		options := web.Options{}
		if c.key == nil {
			options.Connect = connectAll
		}
		s := newServer(options)
		waiting, leave := make(chan struct{}), make(chan struct{})
		s.Handle("GET /wait", func(http.ResponseWriter, *http.Request, *web.Backend) error {
			waiting <- struct{}{}
			<-leave
			return nil
		}, web.FailJSON)
		var requests sync.WaitGroup
		for range c.most {
			requests.Go(func() { request(s, "GET", "/wait", "", c.key...) })
			<-waiting
		}
		if got := request(s, "GET", "/ok", "", c.key...); got.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("with the key %q, one more than %d has the status %d", c.key, c.most, got.StatusCode)
		}
		if got := request(s, "GET", "/ok", "", otherKey(1)...); (got.StatusCode == http.StatusOK) != (c.most < web.MaxRequests) {
			t.Errorf("besides %d with the key %q, another key has the status %d", c.most, c.key, got.StatusCode)
		}
		close(leave)
		requests.Wait()
		if got := request(s, "GET", "/ok", "", c.key...); got.StatusCode != http.StatusOK {
			t.Errorf("after them, the status is %d", got.StatusCode)
		}
	}
}

// never is a body that does not arrive, until it is closed.
type never chan struct{}

func (n never) Read([]byte) (int, error) {
	<-n
	return 0, io.ErrUnexpectedEOF
}

// Bodies that do not arrive take no slots of requests, and those of one key only a share of those of
// bodies.
func TestBodiesThatDoNotArriveTakeNoSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(web.Options{})
		body := make(never)
		var requests sync.WaitGroup
		send := func(header []string) {
			requests.Go(func() { requestWith(s, "/body", body, slices.Concat(header, asJSON)...) })
		}
		for range web.MaxBodies / 4 {
			send(withKey)
		}
		synctest.Wait()
		if got := request(s, "POST", "/body", "{}", slices.Concat(withKey, asJSON)...); got.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("one more body of the key has the status %d", got.StatusCode)
		}
		if got := request(s, "POST", "/body", "{}", slices.Concat(otherKey(0), asJSON)...); got.StatusCode != http.StatusOK {
			t.Errorf("the body of another key has the status %d", got.StatusCode)
		}
		for n := range 3 * web.MaxBodies / 4 {
			send(otherKey(n % 3))
		}
		synctest.Wait()
		for key := range 5 {
			if got := request(s, "GET", "/ok", "", otherKey(key)...); got.StatusCode != http.StatusOK {
				t.Errorf("a request without a body has the status %d", got.StatusCode)
			}
		}
		close(body)
		requests.Wait()
		if got := request(s, "POST", "/body", "{}", slices.Concat(withKey, asJSON)...); got.StatusCode != http.StatusOK {
			t.Errorf("after them, the status is %d", got.StatusCode)
		}
	})
}

// One key cannot use all the memory for bodies.
func TestKeyHasAShareOfMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(web.Options{})
		s.ClaimShare(validKey)
		if got := request(s, "POST", "/body", "{}", slices.Concat(withKey, asJSON)...); got.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("one more body of the key has the status %d", got.StatusCode)
		}
		if got := request(s, "POST", "/body", "{}", slices.Concat(otherKey(1), asJSON)...); got.StatusCode != http.StatusOK {
			t.Errorf("the body of another key has the status %d", got.StatusCode)
		}
	})
}

// Forms that do not arrive keep no one from logging in, and end soon.
func TestHalfSentFormsTakeNothingFromOthers(t *testing.T) {
	site := start(t, newServer(web.Options{}))
	const half = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
	for range 64 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(site.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, half)
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // the server reads the form
			t.Fatal(err)
		}
	}
	response, err := http.Post(site.url+"/login", "application/x-www-form-urlencoded", strings.NewReader("key="+validKey))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || len(response.Cookies()) != 1 {
		t.Errorf("the status is %d", response.StatusCode)
	}
}

func TestSlowFormIsRefused(t *testing.T) {
	inMemory(t, func() *web.Server { return newServer(web.Options{}) }, func(t *testing.T, conn net.Conn) {
		begin := time.Now()
		io.WriteString(conn, "POST /login"+start1+"Content-Length: 100\r\n\r\nkey=")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusRequestTimeout || time.Since(begin) != web.OpenTimeout {
			t.Errorf("the answer is %v (%v) after %v", response, err, time.Since(begin))
		}
	})
	if got := request(newServer(web.Options{}), "POST", "/login", strings.Repeat("x", 1<<20)); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large form has the status %d", got.StatusCode)
	}
}
