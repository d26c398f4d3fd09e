package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// withoutTimes returns the messages of a body without their recorded times, and these.
func withoutTimes(t *testing.T, body []byte) (rest []byte, times []int64) {
	t.Helper()
	for len(body) > 0 {
		size := binary.BigEndian.Uint32(body[1:])
		message := new(umadbv1.ReadResponse)
		if err := proto.Unmarshal(body[5:5+size], message); err != nil {
			t.Fatal(err)
		}
		if len(message.RecordedAt) != 0 && len(message.RecordedAt) != len(message.Events) {
			t.Errorf("%d events have %d times", len(message.Events), len(message.RecordedAt))
		}
		times, message.RecordedAt = append(times, message.RecordedAt...), nil
		encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		rest, body = append(rest, framed(encoded)...), body[5+size:]
	}
	return rest, times
}

// A client that does not ask for recorded times gets the bytes that it would get from a server that
// does not keep them. The headers of the calls repeat, in turns.
func TestRecordedTimesAreSentToClientsThatAsk(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	for range 3 {
		mustAppend(t, r.client(t))
	}
	c := r.raw(t)
	var plain []byte
	for _, value := range []string{"", "recorded-at", "", "recorded-at", "later", "later, recorded-at", ""} {
		var header []string
		if value != "" {
			header = []string{wire.With, value}
		}
		answer := c.post(t, umadbv1.DCB_Read_FullMethodName, request(t, &umadbv1.ReadRequest{}), header...)
		if answer.code != codes.OK {
			t.Fatal(answer.code, answer.message)
		}
		rest, times := withoutTimes(t, answer.body)
		if value == "" && plain == nil {
			plain = answer.body
		}
		if want := wire.HasWord(value, wire.WithRecordedAt); (len(times) == 3) != want || (len(times) != 0) != want {
			t.Errorf("%q: the times are %v", value, times)
		} else if want && times[2] != timeOf(3).UnixNano() {
			t.Errorf("%q: the times are %v", value, times)
		} else if !want && !bytes.Equal(answer.body, plain) {
			t.Errorf("%q: the answer is %x, want %x", value, answer.body, plain)
		}
		if !bytes.Equal(rest, plain) {
			t.Errorf("%q: without the times the answer is %x, want %x", value, rest, plain)
		}
	}
}

func TestRecordedTimesOfSubscriptions(t *testing.T) {
	client := start(t, newMemoryStore(), server.Options{}).client(t)
	mustAppend(t, client)
	asking := metadata.AppendToOutgoingContext(within(t, patience), wire.With, wire.WithRecordedAt)
	for _, c := range []struct {
		ctx  context.Context
		want []int64
	}{{asking, []int64{timeOf(1).UnixNano()}}, {within(t, patience), nil}} {
		subscription, err := client.Subscribe(c.ctx, new(umadbv1.SubscribeRequest))
		if err != nil {
			t.Fatal(err)
		}
		message, err := subscription.Recv()
		if err != nil || len(message.Events) != 1 || len(message.RecordedAt) != len(c.want) || len(c.want) > 0 && message.RecordedAt[0] != c.want[0] {
			t.Errorf("received %v, %v, want times %v", message, err, c.want)
		}
		read, err := client.Read(c.ctx, readOn())
		if err != nil {
			t.Fatal(err)
		}
		if message, err := read.Recv(); err != nil || len(message.Events) != 1 || len(message.RecordedAt) != len(c.want) {
			t.Errorf("a read that subscribes received %v, %v, want times %v", message, err, c.want)
		}
	}
}

func TestPositionAt(t *testing.T) {
	client := start(t, newMemoryStore(), server.Options{}).client(t)
	positionAt := func(nanoseconds int64) *uint64 {
		t.Helper()
		response, err := client.PositionAt(within(t, patience), &umadbv1.PositionAtRequest{RecordedAt: nanoseconds}, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		return response.Position
	}
	if got := positionAt(math.MaxInt64); got != nil {
		t.Errorf("an empty store has the position %d", *got)
	}
	for range 3 {
		mustAppend(t, client)
	}
	for nanoseconds, want := range map[int64]uint64{
		math.MinInt64: 0, -1: 0, 0: 0, timeOf(1).UnixNano() - 1: 0,
		timeOf(1).UnixNano(): 1, timeOf(1).UnixNano() + 1: 1, timeOf(2).UnixNano() - 1: 1,
		timeOf(3).UnixNano(): 3, math.MaxInt64: 3,
	} {
		got := positionAt(nanoseconds)
		if (got == nil) != (want == 0) || got != nil && *got != want {
			t.Errorf("at %d: %v, want %d", nanoseconds, got, want)
		}
	}
}

// The times of events of others would be found by bisection.
func TestPositionAtWithLimitedKey(t *testing.T) {
	limited := keyNamed("limited", read)
	limited.Types = []string{"Other"}
	r := startWithKeys(t, newMemoryStore(), server.Options{}, limited)
	answer := r.raw(t).post(t, umadbv1.DCB_PositionAt_FullMethodName, request(t, &umadbv1.PositionAtRequest{RecordedAt: 1}), "Authorization", "Bearer secret-limited")
	if answer.code != codes.PermissionDenied || !strings.Contains(answer.message, "times of all events") {
		t.Errorf("status is %v: %s", answer.code, answer.message)
	}
}
