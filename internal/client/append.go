package client

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// Append stores all events in order, or none of them, and returns the position of the
// last one. If the connection breaks before the response, Append retries if the server
// would recognise the retry; otherwise it fails with dcb.ErrTransport, and the events may
// have been stored. If the server does not have enough memory for the append, Append
// retries for some seconds.
func (c *Client) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	return c.AppendMessage(ctx, record.EncodeAppend(events, condition, tracking))
}

// AppendMessage is Append for an encoded umadb.v1.AppendRequest.
func (c *Client) AppendMessage(ctx context.Context, request []byte) (uint64, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	defer c.calls.Done()
	var buffer [positionBytes]byte
	a := attempts{servers: c.servers, appends: true}
	unknown := false // an earlier attempt may have had an effect
	head := c.servers.head()
	for {
		answer, failed := a.next().invoke(ctx, wire.MethodAppend, request, buffer[:0])
		if failed == nil {
			a.succeeded()
			position, err := decodeAppendResponse(answer)
			c.servers.saw(position)
			return position, err
		}
		if !a.retry(ctx, failed.err, judgeAppend(failed, request, head)) {
			c.servers.sawConflict(failed.err)
			return 0, withOutcome(a.explain(failed.err), unknown, failed.noEffect)
		}
		unknown = unknown || !failed.noEffect
	}
}

// judgeAppend returns what follows from the failure of an append. It is repeated only if it had
// no effect, or if the server recognises that it is repeated. head is that of servers.head when the
// append began.
func judgeAppend(failed *failure, request []byte, head uint64) decision {
	if !isOfServer(failed.err) {
		return decision{}
	}
	d := decision{avoid: !failed.refused}
	switch repeatable := failed.noEffect || isRecognisable(request, head); {
	case failed.exhausted && len(request) <= maxRetriedRequest:
		d.patience = overloadPatience
	case failed.exhausted:
	case failed.unavailable && repeatable:
		d.patience = callPatience
	case repeatable:
		d.elsewhere = true
	}
	return d
}

// sawConflict records the position of the event that an append is in conflict with.
func (s *servers) sawConflict(err error) {
	if e, ok := errors.AsType[*dcb.Error](err); ok {
		s.saw(e.ConflictPosition)
	}
}

// maxRetriedRequest is the maximum size in bytes of a request that a server with default
// limits accepts. The server refuses a larger request with the same status as one for
// which it temporarily does not have enough memory.
var maxRetriedRequest = dcb.Limits{}.WithDefaults().RequestBytes

// isRecognisable reports whether the server would recognise a retry of an append that began when the
// store had a head. If the condition is after that, the first attempt may have stored the events
// before the position where the condition begins, and a server does not look for them there.
func isRecognisable(request []byte, head uint64) bool {
	parsed, err := record.ParseAppend(request, &unlimited)
	return err == nil && parsed.IsRecognisable() && parsed.Condition.After <= head
}

// unlimited are the limits for parsing a request, since those of the server are unknown.
var unlimited = dcb.Limits{
	EventBytes:      math.MaxInt,
	RequestBytes:    math.MaxInt,
	RequestEvents:   math.MaxInt,
	EventTags:       math.MaxInt,
	RequestTags:     math.MaxInt,
	RequestMetadata: math.MaxInt,
	QueryTerms:      math.MaxInt,
}

// withOutcome returns the error of a failed append. It adds to a transport error whether
// the events may have been stored. If it is unknown whether an earlier attempt has stored them,
// the refusal of the last one, perhaps by another server, is a transport error too.
func withOutcome(err error, unknown, noEffect bool) error {
	var e *dcb.Error
	if !errors.As(err, &e) {
		return err
	}
	detailed := *e
	switch isTransport := errors.Is(e.Kind, dcb.ErrTransport); {
	case isTransport && !unknown && noEffect:
		detailed.Detail = strings.TrimSuffix(e.Detail, wire.NothingAppended) + wire.NothingAppended
		detailed.NotAppended = true
	case isTransport:
		detailed.Detail += "; whether the events were appended is unknown"
	case unknown && !errors.Is(e.Kind, dcb.ErrIntegrity): // which is certain
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: e.Error() + "; whether an earlier attempt has appended the events is unknown"}
	}
	return &detailed
}

func decodeAppendResponse(answer []byte) (uint64, error) {
	position, _, err := record.DecodePosition(answer)
	if err != nil {
		return 0, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the events were appended, but the answer cannot be read", Cause: err}
	}
	return position, nil
}
