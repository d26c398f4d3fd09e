package client

import (
	"context"
	"errors"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
	"github.com/umadb-go/umadb/internal/wire/encoding"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Append writes all events, in order, or none, and returns the position of the
// last. If the connection breaks before the answer, an append that the server
// would recognise is sent again; any other fails with dcb.ErrTransport, and may
// have happened. If the server has no room for an append, it is sent again for some
// seconds.
func (c *Client) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	return c.AppendMessage(ctx, encoding.EncodeAppend(events, condition, tracking))
}

// AppendMessage is Append, for those who encode the umadb.v1.AppendRequest
// themselves.
func (c *Client) AppendMessage(ctx context.Context, request []byte) (uint64, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	defer c.calls.Done()
	var again resends
	for {
		var answer wire.Frame
		failed := c.invoke(ctx, umadbv1.DCB_Append_FullMethodName, wire.NewFrame(request), &answer)
		if failed == nil {
			return decodeAppended(&answer)
		}
		if patience := patienceWith(failed, request); patience == 0 || !again.pause(ctx, patience) {
			return 0, outcome(failed)
		}
	}
}

// patienceWith returns for how long an append that failed may be sent again; 0 if it
// may not.
func patienceWith(failed *failure, request []byte) time.Duration {
	switch {
	case failed.exhausted && len(request) <= maxRoom:
		return roomPatience
	case failed.unavailable && (failed.undone || recognisable(request)):
		return callPatience
	}
	return 0
}

// maxRoom is the size of the largest request that a server with default limits
// accepts. It refuses a larger one with the same status as one that it has no room
// for at the moment.
var maxRoom = dcb.Limits{}.WithDefaults().RequestBytes

// recognisable tells whether the server recognises the append as the one that
// it has made already: its own first event makes the condition fail, and every
// event has a UUID of its own.
func recognisable(request []byte) bool {
	parsed, err := encoding.ParseAppend(request, &unlimited)
	if err != nil || parsed.Condition == nil {
		return false
	}
	seen := make(map[string]bool, parsed.Count)
	for event := range parsed.All() {
		id := string(event.UUID())
		if id == "" || seen[id] {
			return false
		}
		if len(seen) == 0 {
			decoded, err := encoding.DecodeEvent(event)
			if err != nil || !parsed.Condition.FailIfEventsMatch.Matches(decoded.Type, decoded.Tags) {
				return false
			}
		}
		seen[id] = true
	}
	return len(seen) > 0
}

// unlimited lets through what a server, whose limits it knows, may accept.
var unlimited = dcb.Limits{
	EventBytes:      math.MaxInt,
	RequestBytes:    math.MaxInt,
	RequestEvents:   math.MaxInt,
	EventTags:       math.MaxInt,
	RequestTags:     math.MaxInt,
	RequestMetadata: math.MaxInt,
	QueryTerms:      math.MaxInt,
}

// outcome says of a broken call whether the append can have happened.
func outcome(failed *failure) error {
	var e *dcb.Error
	if !errors.As(failed.err, &e) || !errors.Is(e.Kind, dcb.ErrTransport) {
		return failed.err
	}
	said := *e
	if failed.undone {
		said.Detail += "; nothing was appended"
		said.NotAppended = true
	} else {
		said.Detail += "; whether the events were appended is unknown"
	}
	return &said
}

func decodeAppended(answer *wire.Frame) (uint64, error) {
	defer answer.Free()
	response := new(umadbv1.AppendResponse)
	if err := proto.Unmarshal(answer.Bytes(), response); err != nil {
		return 0, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the events were appended, but the answer cannot be read", Cause: err}
	}
	return response.GetPosition(), nil
}
