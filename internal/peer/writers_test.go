package peer

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

// newWriters returns writers without a connection, and the number of connections that were made.
func newWriters() (*writers, *int) {
	made := new(int)
	return &writers{connect: func(url string) (*grpcclient.Conn, error) {
		*made++
		if url == "invalid" {
			return nil, errors.New("the URL is invalid")
		}
		return grpcclient.New(url, grpcclient.Options{}), nil
	}}, made
}

func TestConnectionsAreKept(t *testing.T) {
	s, made := newWriters()
	first := s.acquire("a")
	if second := s.acquire("a"); second != first || *made != 1 {
		t.Errorf("another server of the same URL, or %d connections", *made)
	}
	s.close()
	if s.acquire("a") != nil || s.acquire("b") != nil {
		t.Error("a server can be used after close")
	}
}

func TestServerIsAvoidedForSomeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, made := newWriters()
		failed := s.acquire("a")
		s.avoid(failed)
		s.release(failed)
		if s.acquire("a") != nil || s.acquire("b") == nil {
			t.Error("the wrong server is avoided")
		}
		time.Sleep(avoidFor)
		if s.acquire("a") != failed || *made != 2 {
			t.Errorf("the server is not used again, or there are %d connections", *made)
		}
		for range 2 {
			if s.acquire("invalid") != nil {
				t.Error("there is a server of an invalid URL")
			}
		}
		time.Sleep(avoidFor) // its certificates may have been replaced
		if s.acquire("invalid") != nil || *made != 4 {
			t.Errorf("%d connections were tried", *made)
		}
		s.close()
	})
}

// The number of servers is bounded. Those with calls stay.
func TestServersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newWriters()
		var used []*writer
		for i := range maxWriters {
			used = append(used, s.acquire(fmt.Sprint(i)))
			time.Sleep(time.Second)
		}
		if s.acquire("further") != nil {
			t.Error("there are more servers than permitted, all of them with calls")
		}
		s.release(used[5])
		time.Sleep(time.Second)
		s.release(used[3])
		if s.acquire("further") == nil || s.known["5"] != nil || s.known["3"] != used[3] || len(s.known) != maxWriters {
			t.Errorf("not replaced the one that was not used for the longest time: %d servers", len(s.known))
		}
		s.close()
	})
}
