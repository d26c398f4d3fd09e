package record_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

var someQuery = &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"a", "b"}, Tags: []string{"c"}}, {Tags: []string{""}}, {}}}

func TestReadIsParsedAndEncodedLikeGeneratedCode(t *testing.T) {
	for _, message := range []*umadbv1.ReadRequest{
		{},
		{Query: someQuery, Start: proto.Uint64(1<<64 - 1), Backwards: proto.Bool(true), Limit: proto.Uint32(1<<32 - 1), BatchSize: proto.Uint32(7)},
		subscribing(&umadbv1.ReadRequest{Start: proto.Uint64(0), Limit: proto.Uint32(0), BatchSize: proto.Uint32(4096)}),
	} {
		encoded := marshal(t, message)
		parsed, err := record.ParseRead(encoded, limits)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(parsed, toRead(message)) {
			t.Errorf("%v is parsed as %+v", message, parsed)
		}
		if again := record.EncodeRead(parsed); !bytes.Equal(again, encoded) {
			t.Errorf("%v is encoded as %x, want %x", message, again, encoded)
		}
	}
}

func TestSubscriptionIsParsedAndEncodedLikeGeneratedCode(t *testing.T) {
	for _, message := range []*umadbv1.SubscribeRequest{
		{},
		{Query: someQuery, After: proto.Uint64(1<<64 - 1), BatchSize: proto.Uint32(7)},
	} {
		encoded := marshal(t, message)
		parsed, err := record.ParseSubscribe(encoded, limits)
		if err != nil {
			t.Fatal(err)
		}
		want := &record.SubscribeRequest{Query: toQuery(message.Query), After: message.GetAfter(), BatchSize: message.GetBatchSize()}
		if !reflect.DeepEqual(parsed, want) {
			t.Errorf("%v is parsed as %+v", message, parsed)
		}
		if again := record.EncodeSubscribe(parsed); !bytes.Equal(again, encoded) {
			t.Errorf("%v is encoded as %x, want %x", message, again, encoded)
		}
	}
}

func TestResumedSubscriptionKeepsItsRequest(t *testing.T) {
	want := record.SubscribeRequest{Query: toQuery(someQuery), After: 3, BatchSize: 7}
	request := record.EncodeSubscribe(&want)
	request = append(request, 0xff)[:len(request)] // a request with space after it
	for _, position := range []uint64{0, 9, 1<<64 - 1} {
		if position > 0 {
			want.After = position
		}
		resumed, err := record.ParseSubscribe(record.ResumeAfter(request, position), limits)
		if err != nil || !reflect.DeepEqual(resumed, &want) {
			t.Errorf("resumed after %d, the request is %+v, %v", position, resumed, err)
		}
	}
	if after := request[:len(request)+1]; after[len(request)] != 0xff {
		t.Error("resuming changes what follows the request")
	}
}

func TestBatchSizeIsClamped(t *testing.T) {
	for given, want := range map[uint32]uint32{0: 1, 1: 1, 4096: 4096, 4097: 4096, 1<<32 - 1: 4096} {
		read, err := record.ParseRead(marshal(t, &umadbv1.ReadRequest{BatchSize: &given}), limits)
		if err != nil || read.BatchSize != want {
			t.Errorf("batch size %d of a read became %d, %v", given, read.BatchSize, err)
		}
		subscription, err := record.ParseSubscribe(marshal(t, &umadbv1.SubscribeRequest{BatchSize: &given}), limits)
		if err != nil || subscription.BatchSize != want {
			t.Errorf("batch size %d of a subscription became %d, %v", given, subscription.BatchSize, err)
		}
	}
}

func TestInvalidReads(t *testing.T) {
	backwards := subscribing(&umadbv1.ReadRequest{Backwards: proto.Bool(true)})
	tooMany := dcb.Limits{QueryTerms: 2}.WithDefaults()
	for name, row := range map[string]struct {
		request []byte
		limits  *dcb.Limits
	}{
		"backwards subscription": {marshal(t, backwards), limits},
		"too many terms":         {marshal(t, &umadbv1.ReadRequest{Query: someQuery}), &tooMany},
		"not UTF-8":              {[]byte(field(1, field(1, field(1, "\xff")))), limits},
		"truncated":              {[]byte("\x0a\x05x"), limits},
	} {
		if _, err := record.ParseRead(row.request, row.limits); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := record.ParseSubscribe(marshal(t, &umadbv1.SubscribeRequest{Query: someQuery}), &tooMany); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("a subscription with too many terms: %v", err)
	}
}

func TestQueryDoesNotAliasRequest(t *testing.T) {
	request := marshal(t, &umadbv1.ReadRequest{Query: someQuery})
	parsed, err := record.ParseRead(request, limits)
	if err != nil {
		t.Fatal(err)
	}
	clear(request)
	if !reflect.DeepEqual(parsed.Query, toQuery(someQuery)) {
		t.Errorf("the query changed to %v", parsed.Query)
	}
}

func TestCheckSource(t *testing.T) {
	for source, want := range map[string]error{"": nil, "upstream": nil, "\xff": dcb.ErrInvalidArgument, string(make([]byte, 255)): nil, string(make([]byte, 256)): dcb.ErrInvalidArgument} {
		if err := record.CheckSource(source); !errors.Is(err, want) {
			t.Errorf("%q: %v", source, err)
		}
	}
}

func TestContinuedReadKeepsItsRequest(t *testing.T) {
	want := record.ReadRequest{
		Query:     toQuery(someQuery),
		Options:   dcb.ReadOptions{Start: new(uint64(3)), Backwards: true, Limit: new(uint32(9))},
		BatchSize: 7,
	}
	request := record.EncodeRead(&want)
	before := bytes.Clone(request)
	want.Options.Start, want.Options.Limit = new(uint64(1)), new(uint32(4))
	got, err := record.ParseRead(record.ContinueRead(request, &want.Options), limits)
	if err != nil || !reflect.DeepEqual(got, &want) || !bytes.Equal(request, before) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// readResponse returns a response with events at some positions.
func readResponse(t *testing.T, head *uint64, positions ...uint64) []byte {
	response := &umadbv1.ReadResponse{Head: head}
	for _, position := range positions {
		response.Events = append(response.Events, &umadbv1.SequencedEvent{Position: position, Event: &umadbv1.Event{EventType: "a"}})
	}
	return marshal(t, response)
}

func TestResponsesAreSummarized(t *testing.T) {
	for want, response := range map[record.Summary][]byte{
		{}:                                      readResponse(t, nil),
		{Head: 9}:                               readResponse(t, new(uint64(9))),
		{Events: 3, First: 2, Last: 6}:          readResponse(t, nil, 2, 4, 6),
		{Events: 2, First: 6, Last: 2, Head: 9}: readResponse(t, new(uint64(9)), 6, 2),
	} {
		if got, err := record.Summarize(response); err != nil || got != want {
			t.Errorf("got %+v, want %+v (%v)", got, want, err)
		}
	}
	if _, err := record.Summarize([]byte{0xff}); err == nil {
		t.Error("no error for a response that cannot be decoded")
	}
}

func TestClippedResponseEndsAtItsHead(t *testing.T) {
	for head, want := range map[uint64][]uint64{1: nil, 2: {2}, 5: {2, 4}, 6: {2, 4, 6}, 9: {2, 4, 6}} {
		clipped, s, err := record.ClipResponse(readResponse(t, new(uint64(12)), 2, 4, 6), head)
		if err != nil || s.Events != len(want) || s.Head != head || !bytes.Equal(clipped, readResponse(t, &head, want...)) {
			t.Errorf("up to %d: %x, %+v, %v", head, clipped, s, err)
		}
	}
	if _, _, err := record.ClipResponse([]byte{0xff}, 1); err == nil {
		t.Error("no error for a response that cannot be decoded")
	}
}
