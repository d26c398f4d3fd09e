package server_test

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// appendWith appends an event with some data and a key.
func appendWith(t *testing.T, c *rawClient, name string, bytes int) rawResponse {
	t.Helper()
	events := []*umadbv1.Event{{EventType: "happened", Data: make([]byte, bytes)}}
	return c.post(t, "/umadb.v1.DCB/Append", request(t, &umadbv1.AppendRequest{Events: events}), "Authorization", "Bearer secret-"+name)
}

func TestRateLimits(t *testing.T) {
	slow, small, free := keyNamed("slow", server.AllRights), keyNamed("small", server.AllRights), keyNamed("free", server.AllRights)
	slow.AppendsPerSecond = 0.01 // a burst of one
	small.BytesPerSecond = 10_000
	var log logBuffer
	r := startWithKeys(t, newMemoryStore(), server.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, slow, small, free)
	c := r.raw(t)
	for _, size := range []int{1, 8 << 10} { // with and without a goroutine
		want := codes.OK
		if size > 1 {
			want = codes.ResourceExhausted
		}
		if answer := appendWith(t, c, "slow", size); answer.code != want {
			t.Errorf("%d bytes: %v: %s", size, answer.code, answer.message)
		}
	}
	answer := appendWith(t, c, "slow", 1)
	if answer.code != codes.ResourceExhausted || !strings.HasPrefix(answer.message, `the API key "slow" is limited to 0.01 appends per second; retry after 1m`) {
		t.Errorf("%v: %s", answer.code, answer.message)
	}
	wait, err := strconv.Atoi(answer.trailer.Get("Grpc-Retry-Pushback-Ms"))
	if least, most := 50_000, 100_000; err != nil || wait < least || wait > most {
		t.Errorf("the trailer is %v", answer.trailer)
	}

	for _, size := range []int{6_000, 3_000} {
		if answer := appendWith(t, c, "small", size); answer.code != codes.OK {
			t.Errorf("%d bytes: %v: %s", size, answer.code, answer.message)
		}
	}
	mustRefuse(t, c, "small", 9_900, "10000 bytes per second")
	if answer := appendWith(t, c, "small", 10_001); answer.code != codes.InvalidArgument || !strings.Contains(answer.message, `the API key "small" is limited to 10000 bytes per second`) {
		t.Errorf("more than a second permits: %v: %s", answer.code, answer.message)
	}
	for range 20 {
		if answer := appendWith(t, c, "free", 1_000); answer.code != codes.OK {
			t.Fatalf("another key: %v: %s", answer.code, answer.message)
		}
	}
	if text := log.take(); strings.Count(text, "a rate limit of the API key is reached") != 2 || !strings.Contains(text, "key=slow times=1") || !strings.Contains(text, "key=small times=1") {
		t.Errorf("the log is %q", text)
	}

	// Other changes of the keys do not start the rate again.
	if err := r.SetKeys([]server.Key{slow}); err != nil {
		t.Fatal(err)
	}
	if answer := appendWith(t, c, "slow", 1); answer.code != codes.ResourceExhausted {
		t.Errorf("after SetKeys: %v: %s", answer.code, answer.message)
	}
	slow.AppendsPerSecond = 1000
	if err := r.SetKeys([]server.Key{slow}); err != nil {
		t.Fatal(err)
	}
	if answer := appendWith(t, c, "slow", 1); answer.code != codes.OK {
		t.Errorf("with another rate: %v: %s", answer.code, answer.message)
	}
}

// mustRefuse appends with a key until an append is refused: an append that comes a second after the
// one before is accepted.
func mustRefuse(t *testing.T, c *rawClient, name string, bytes int, want string) rawResponse {
	t.Helper()
	answer := appendWith(t, c, name, bytes)
	for end := time.Now().Add(patience); answer.code == codes.OK && time.Now().Before(end); {
		answer = appendWith(t, c, name, bytes)
	}
	if answer.code != codes.ResourceExhausted || !strings.Contains(answer.message, want) {
		t.Errorf("%v: %s", answer.code, answer.message)
	}
	return answer
}

// An append that is too fast is accepted after the time in the answer.
func TestRateLimitHintIsEnough(t *testing.T) {
	k := keyNamed("k", server.AllRights)
	k.AppendsPerSecond = 2
	c := startWithKeys(t, newMemoryStore(), server.Options{}, k).raw(t)
	for range 3 {
		answer := mustRefuse(t, c, "k", 1, "2 appends per second")
		wait, err := strconv.Atoi(answer.trailer.Get("Grpc-Retry-Pushback-Ms"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(wait) * time.Millisecond)
		if answer := appendWith(t, c, "k", 1); answer.code != codes.OK {
			t.Errorf("after %d ms: %v: %s", wait, answer.code, answer.message)
		}
	}
}
