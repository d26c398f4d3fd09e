package server_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// recorded starts a server that passes the records of its calls to the channel.
func recorded(t *testing.T, s server.Store, options server.Options) (*running, <-chan *server.CallRecord) {
	records := make(chan *server.CallRecord, 100)
	r := start(t, s, options)
	r.SetOnCall(func(r *server.CallRecord) { records <- r })
	return r, records
}

func next(t *testing.T, records <-chan *server.CallRecord) *server.CallRecord {
	t.Helper()
	select {
	case r := <-records:
		if r.Duration <= 0 || time.Since(r.Start) > patience || r.Peer == nil {
			t.Errorf("the record is %+v", r)
		}
		return r
	case <-time.After(patience):
		t.Fatal("no call was recorded")
		return nil
	}
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestEveryAppendIsRecorded(t *testing.T) {
	r, records := recorded(t, newMemoryStore(), server.Options{})
	client := r.client(t)
	ctx := metadata.AppendToOutgoingContext(within(t, patience), "traceparent", traceparent)
	large := someEvent("c")
	large.Data = make([]byte, 100<<10) // not served inline
	for _, c := range []struct {
		name    string
		request *umadbv1.AppendRequest
		code    codes.Code
		events  int
		query   string
	}{
		{"inline", &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent("a"), someEvent("b")}}, codes.OK, 2, ""},
		{"large", &umadbv1.AppendRequest{Events: []*umadbv1.Event{large}}, codes.OK, 1, ""},
		{"conflict", &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent("d")}, Condition: anyEvent()}, codes.FailedPrecondition, 0, "*"},
	} {
		_, _ = client.Append(ctx, c.request)
		got := next(t, records)
		if got.Method != "/umadb.v1.DCB/Append" || got.Code != c.code || got.Events != c.events || got.Query != c.query || got.Traceparent != traceparent || got.RequestBytes == 0 || !strings.Contains(got.UserAgent, "grpc-go") {
			t.Errorf("%s: the record is %+v", c.name, got)
		}
		if (got.Message == "") != (c.code == codes.OK) || (got.ResponseBytes > 0) != (c.code == codes.OK) {
			t.Errorf("%s: the record is %+v", c.name, got)
		}
		if got.Append == nil || got.Append.Queue != time.Nanosecond {
			t.Errorf("%s: the times are %+v", c.name, got.Append)
		}
	}
}

func TestStreamsAreRecordedWithTheirEvents(t *testing.T) {
	r, records := recorded(t, newMemoryStore(), server.Options{})
	client := r.client(t)
	if _, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent(), someEvent(), someEvent()}}); err != nil {
		t.Fatal(err)
	}
	next(t, records)
	stream, err := client.Read(within(t, patience), &umadbv1.ReadRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	if got := next(t, records); got.Events != 3 || got.Code != codes.OK || got.ResponseBytes == 0 || got.Append != nil || got.LongLived {
		t.Errorf("the read is recorded as %+v", got)
	}
	ctx, cancel := context.WithCancel(within(t, patience))
	subscription, err := client.Subscribe(ctx, new(umadbv1.SubscribeRequest))
	for n := 0; n < 3 && err == nil; n++ {
		_, err = subscription.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if got := next(t, records); got.Events != 3 || got.Code != codes.Canceled || !got.LongLived {
		t.Errorf("the subscription is recorded as %+v", got)
	}
}

func TestRefusedCallsAreRecorded(t *testing.T) {
	r, records := recorded(t, newMemoryStore(), server.Options{APIKey: "secret"})
	raw := r.raw(t)
	for _, c := range []struct {
		method, name string
		code         codes.Code
	}{
		{"/umadb.v1.DCB/Head", "umadb.v1.DCB/Head", codes.Unauthenticated},
		{"/invented/Method", "unknown", codes.Unauthenticated},
		{"/nonsense", "unknown", codes.Unimplemented},
	} {
		raw.post(t, c.method, request(t, new(umadbv1.HeadRequest)))
		if got := next(t, records); got.Name != c.name || got.Method != c.method || got.Code != c.code {
			t.Errorf("%s is recorded as %+v", c.method, got)
		}
	}
}

func TestRecordingEnds(t *testing.T) {
	r, records := recorded(t, newMemoryStore(), server.Options{})
	client := r.client(t)
	head := func() {
		t.Helper()
		if _, err := client.Head(within(t, patience), new(umadbv1.HeadRequest)); err != nil {
			t.Fatal(err)
		}
	}
	head()
	next(t, records)
	subscription, err := client.Subscribe(within(t, patience), new(umadbv1.SubscribeRequest))
	if err == nil {
		_, err = subscription.Header()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.SetOnCall(nil)
	head()
	r.Shutdown(t.Context()) // ends the subscription, which began while calls were recorded
	if len(records) > 0 {
		t.Errorf("%+v was recorded", <-records)
	}
}

// Encoding a trace fails if a text is not UTF-8, and a client without a key can send any bytes.
func TestTextsOfRecordAreUTF8(t *testing.T) {
	r, records := recorded(t, newMemoryStore(), server.Options{APIKey: apiKey})
	r.frames(t, 64<<10).call("/umadb.v1.DCB/\xff", framed(nil), true, "user-agent", "agent/\xff", "traceparent", "00-\xff-0-1")
	got := next(t, records)
	if got.Method != "/umadb.v1.DCB/\ufffd" || got.UserAgent != "agent/\ufffd" || got.Traceparent != "00-\ufffd-0-1" {
		t.Errorf("the record has %q, %q, %q", got.Method, got.UserAgent, got.Traceparent)
	}
}
