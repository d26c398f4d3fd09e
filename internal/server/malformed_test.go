package server_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// everyMethod contains the methods of the service under their current names.
var everyMethod = []string{
	umadbv1.DCB_Append_FullMethodName,
	umadbv1.DCB_Read_FullMethodName,
	umadbv1.DCB_Subscribe_FullMethodName,
	umadbv1.DCB_Head_FullMethodName,
	umadbv1.DCB_PositionAt_FullMethodName,
	umadbv1.DCB_GetTrackingInfo_FullMethodName,
	umadbv1.DCB_Terms_FullMethodName,
	umadbv1.DCB_Count_FullMethodName,
}

func TestMalformedRequestIsInvalid(t *testing.T) {
	c := start(t, newMemoryStore(), server.Options{}).raw(t)
	for name, body := range map[string][]byte{
		"nothing":       {},
		"half a header": {0, 0, 0},
		"only a header": {0, 0, 0, 0, 9},
		"half":          framed([]byte("123456789"))[:10],
		"two":           append(framed(nil), framed(nil)...),
		"one and a bit": append(framed(nil), 0),
		"garbage":       framed([]byte("\xff\xff\xff")),
		"a group":       framed([]byte{0x0b, 0x0b, 0x0b}),
	} {
		for _, method := range everyMethod {
			answer := c.post(t, method, bytes.NewReader(body))
			response := new(umadbv1.ErrorResponse)
			if err := proto.Unmarshal(answer.details, response); err != nil || response.ErrorType != umadbv1.ErrorResponse_INVALID_ARGUMENT {
				t.Errorf("%s, %s: details are %q", name, method, answer.details)
			}
			if answer.code != codes.InvalidArgument || !strings.HasPrefix(answer.message, "invalid argument: ") {
				t.Errorf("%s, %s: status is %v: %q", name, method, answer.code, answer.message)
			}
		}
	}
}

func TestCompressedRequestIsUnimplemented(t *testing.T) {
	c := start(t, newMemoryStore(), server.Options{}).raw(t)
	for _, encoding := range []string{"", "identity", "gzip"} {
		answer := c.post(t, umadbv1.DCB_Append_FullMethodName, bytes.NewReader([]byte{1, 0, 0, 0, 0}), "Grpc-Encoding", encoding)
		if answer.code != codes.Unimplemented {
			t.Errorf("%q: status is %v: %q", encoding, answer.code, answer.message)
		}
	}
}

func TestUnknownMethodIsUnimplemented(t *testing.T) {
	c := start(t, newMemoryStore(), server.Options{}).raw(t)
	for _, method := range []string{"/umadb.v1.DCB/Drop", "/other/Append", "/" + strings.Repeat("x", 4000) + "/y"} {
		answer := c.post(t, method, bytes.NewReader(framed(nil)))
		if answer.code != codes.Unimplemented || len(answer.message) > 1024 {
			t.Errorf("%.30s: status is %v: %q", method, answer.code, answer.message)
		}
	}
}

func TestRandomRequests(t *testing.T) {
	store := newMemoryStore()
	// Random bytes may be a valid subscription, which would not end.
	c := start(t, store, server.Options{}).raw(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		body := make([]byte, random.IntN(64))
		for i := range body {
			body[i] = byte(random.IntN(256))
			if random.IntN(3) == 0 {
				body[i] = byte(random.IntN(0x20))
			}
		}
		if random.IntN(2) == 0 {
			body = framed(body)
		}
		method := everyMethod[random.IntN(len(everyMethod))]
		if method == umadbv1.DCB_Subscribe_FullMethodName {
			continue
		}
		answer := c.post(t, method, bytes.NewReader(body), "Grpc-Timeout", "2S")
		switch answer.code {
		case codes.OK, codes.InvalidArgument, codes.Unimplemented, codes.ResourceExhausted, codes.DeadlineExceeded:
		default:
			t.Errorf("%s of %x: status is %v: %q", method, body, answer.code, answer.message)
		}
	}
	if answer := c.post(t, umadbv1.DCB_Head_FullMethodName, request(t, &umadbv1.HeadRequest{})); answer.code != codes.OK {
		t.Errorf("afterwards, Head ends with %v", answer.code)
	}
}

func TestRequestOverLimitIsRefused(t *testing.T) {
	store := newMemoryStore()
	store.limits.RequestBytes = 1 << 20
	c := start(t, store, server.Options{}).raw(t)
	for _, row := range []struct {
		method string
		bytes  int
		want   codes.Code
	}{
		// Slightly over the limit, the error contains the limit; far over, the request is not received.
		{umadbv1.DCB_Append_FullMethodName, 1<<20 + 1, codes.InvalidArgument},
		{umadbv1.DCB_Append_FullMethodName, 2 << 20, codes.ResourceExhausted},
		{umadbv1.DCB_Read_FullMethodName, 2 << 20, codes.ResourceExhausted},
		{umadbv1.DCB_Subscribe_FullMethodName, 2 << 20, codes.ResourceExhausted},
		{umadbv1.DCB_Head_FullMethodName, 5000, codes.ResourceExhausted},
		{umadbv1.DCB_PositionAt_FullMethodName, 5000, codes.ResourceExhausted},
		{umadbv1.DCB_GetTrackingInfo_FullMethodName, 5000, codes.ResourceExhausted},
		{"/grpc.health.v1.Health/Check", 5000, codes.ResourceExhausted},
	} {
		answer := c.post(t, row.method, bytes.NewReader(framed(make([]byte, row.bytes))))
		if answer.code != row.want {
			t.Errorf("%s of %d bytes: status is %v: %q", row.method, row.bytes, answer.code, answer.message)
		}
	}
}

func TestRequestInManyPieces(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	event := &umadbv1.Event{Data: bytes.Repeat([]byte("0123456789"), 300_000)}
	encoded, err := proto.Marshal(&umadbv1.AppendRequest{Events: []*umadbv1.Event{event}})
	if err != nil {
		t.Fatal(err)
	}
	answer := r.raw(t).post(t, umadbv1.DCB_Append_FullMethodName, &dribble{rest: framed(encoded)})
	if answer.code != codes.OK {
		t.Fatalf("status is %v: %q", answer.code, answer.message)
	}
	read, err := r.client(t).Read(within(t, patience), &umadbv1.ReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if message, err := read.Recv(); err != nil || !proto.Equal(message.Events[0].Event, event) {
		t.Errorf("the event was not returned unchanged: %v", err)
	}
}

// dribble reads in pieces of odd sizes.
type dribble struct {
	rest []byte
	turn int
}

func (d *dribble) Read(p []byte) (int, error) {
	d.turn++
	n := min(len(p), len(d.rest), 1+d.turn*d.turn*37%9000)
	copy(p, d.rest[:n])
	d.rest = d.rest[n:]
	if len(d.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}
