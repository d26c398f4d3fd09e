package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// failing starts a server whose appends fail with err.
func failing(t *testing.T, err error) *running {
	store := newMemoryStore()
	store.onCommit = func(context.Context) error { return err }
	return start(t, store, server.Options{})
}

func TestExistingClientReceivesBareErrorResponse(t *testing.T) {
	r := failing(t, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "an event matches", ConflictPosition: 300})
	answer := r.raw(t).post(t, "/umadb.v1.DCB/Append", request(t, &umadbv1.AppendRequest{}))
	if answer.code != codes.FailedPrecondition || answer.message != "integrity error: an event matches" {
		t.Errorf("status is %v: %q", answer.code, answer.message)
	}
	// message = 1, error_type = 2, conflict_position = 100.
	want := "\x0a\x21integrity error: an event matches" + "\x10\x02" + "\xa0\x06\xac\x02"
	if string(answer.details) != want {
		t.Errorf("details are %q, want %q", answer.details, want)
	}
}

func TestGoClientReceivesStatusDetails(t *testing.T) {
	r := failing(t, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "an event matches", ConflictPosition: 300})
	_, err := r.client(t).Append(within(t, patience), &umadbv1.AppendRequest{})
	st := status.Convert(err)
	if st.Code() != codes.FailedPrecondition || st.Message() != "integrity error: an event matches" {
		t.Errorf("status is %v", st)
	}
	want := &umadbv1.ErrorResponse{
		Message:          "integrity error: an event matches",
		ErrorType:        umadbv1.ErrorResponse_INTEGRITY,
		ConflictPosition: proto.Uint64(300),
	}
	if len(st.Details()) != 1 || !proto.Equal(st.Details()[0].(proto.Message), want) {
		t.Errorf("details are %v", st.Details())
	}
}

func TestErrorWithoutKindIsInternal(t *testing.T) {
	answer := failing(t, errors.New("odd")).raw(t).post(t, "/umadb.v1.DCB/Append", request(t, &umadbv1.AppendRequest{}))
	if answer.code != codes.Internal || answer.message != "internal error: odd" {
		t.Errorf("status is %v: %q", answer.code, answer.message)
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	answer := failing(t, dcb.ErrClosed).raw(t).post(t, "/umadb.v1.DCB/Append", request(t, &umadbv1.AppendRequest{}))
	if answer.code != codes.Unavailable || len(answer.details) != 0 {
		t.Errorf("status is %v, details %q", answer.code, answer.details)
	}
}

func TestErrorWithAnyTextCanBeSent(t *testing.T) {
	odd := strings.Repeat("ж\n\x00\xff%", 10_000)
	r := failing(t, &dcb.Error{Kind: dcb.ErrIO, Detail: odd})
	answer := r.raw(t).post(t, "/umadb.v1.DCB/Append", request(t, &umadbv1.AppendRequest{}))
	response := new(umadbv1.ErrorResponse)
	if err := proto.Unmarshal(answer.details, response); err != nil {
		t.Fatal(err)
	}
	if answer.code != codes.Internal || len(response.Message) > 1024 || !strings.HasPrefix(response.Message, "io error: ж ") {
		t.Errorf("status is %v: %q", answer.code, response.Message)
	}
	if _, err := r.client(t).Append(within(t, patience), &umadbv1.AppendRequest{}); status.Code(err) != codes.Internal {
		t.Errorf("a Go client receives %v", err)
	}
}

func TestPanicFailsOnlyItsCall(t *testing.T) {
	store := newMemoryStore()
	store.onNext = func() { panic("oh no") }
	r := start(t, store, server.Options{})
	answer := r.raw(t).post(t, "/umadb.v1.DCB/Read", request(t, &umadbv1.ReadRequest{}))
	if answer.code != codes.Internal || strings.Contains(answer.message, "oh no") {
		t.Errorf("status is %v: %q", answer.code, answer.message)
	}
	if _, err := r.client(t).Head(within(t, patience), &umadbv1.HeadRequest{}); err != nil {
		t.Errorf("the next call fails: %v", err)
	}
}

func TestCallThatTimesOut(t *testing.T) {
	store := newMemoryStore()
	store.onCommit = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	r := start(t, store, server.Options{})
	answer := r.raw(t).post(t, "/umadb.v1.DCB/Append", request(t, &umadbv1.AppendRequest{}), "Grpc-Timeout", "1n")
	if answer.code != codes.DeadlineExceeded {
		t.Errorf("status is %v: %q", answer.code, answer.message)
	}
}

// panickingStore panics in the methods that calls without a goroutine use.
type panickingStore struct{ *memoryStore }

func (panickingStore) Submit(*record.AppendRequest, time.Time, func(uint64, error)) (func(), bool) {
	panic("oh no")
}

func (panickingStore) Head(context.Context) (uint64, error) { panic("oh no") }

func TestPanicOfInlineCallDoesNotEndTheServer(t *testing.T) {
	r := start(t, panickingStore{newMemoryStore()}, server.Options{})
	client := r.client(t)
	if _, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}); err != nil {
		t.Errorf("append: %v", err) // its handler uses Commit
	}
	if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); status.Code(err) != codes.Internal {
		t.Errorf("head: %v", err)
	}
	eventually(t, "everything is released", func() bool { return r.InUse() == "" })
}
