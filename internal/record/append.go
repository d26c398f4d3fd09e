package record

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.AppendRequest and AppendCondition.
const (
	fieldAppendEvent     = 1
	fieldAppendCondition = 2
	fieldAppendTracking  = 3

	conditionQuery = 1
	conditionAfter = 2
)

// ErrNoSpace is among the causes of the error of an append that a store refuses for lack of disk
// space.
var ErrNoSpace = errors.New("no disk space is left for the append")

// ErrLost is the error of an append with StopIfLost.
var ErrLost = errors.New("another server appends to the shared log at the same time; nothing was written")

// UnknownOutcome returns the error of an append to a shared log that may be in the log or not.
func UnknownOutcome(why string) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: why + "; the append may be in the log or not"}
}

// AppendRequest is a validated append. Its events alias the bytes that were
// parsed, unless they had to be re-encoded canonically.
type AppendRequest struct {
	// Events is a sequence of AppendRequest.events fields with canonical events.
	Events    []byte
	Count     int
	Tags      int                  // of all events
	Condition *dcb.AppendCondition // nil for none
	Tracking  *dcb.TrackingInfo    // nil for none
	// Copied reports that Events is a copy, so that nothing aliases the parsed bytes.
	Copied bool
	// IsVisible, if it is not nil, reports whether the caller may learn about a stored event.
	// The append is not recognised as a retry of one with others.
	IsVisible func(Event) bool
	// StopIfLost makes the append fail with ErrLost, without an effect, if another server should
	// append it: that one has appended to the shared log at the same time. Otherwise a store tries
	// again, and may lose each time.
	StopIfLost bool
	// Times, if it is not nil, receives how long the parts of the append took, before the
	// append returns.
	Times *AppendTimes
}

// AppendTimes is how long the parts of an append took in the store. A part that the append
// did not reach is 0. If it was checked again, that time is included.
type AppendTimes struct {
	Start    time.Time     // when the store received it; set by the caller
	Precheck time.Duration // evaluating the condition up to the published head
	Queue    time.Duration // waiting for the writer, and for the commit of the group before
	Write    time.Duration // writing its group
	Sync     time.Duration // syncing its group
}

// All returns an iterator over the events.
func (r *AppendRequest) All() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for rest := r.Events; len(rest) > 0; {
			var event Event
			event, rest = splitField(rest)
			if !yield(event) {
				return
			}
		}
	}
}

// encodedSizeHint returns an estimate of the encoded size of events, which is
// rarely too low.
func encodedSizeHint(events []dcb.Event) int {
	size := 64
	for i := range events {
		e := &events[i]
		size += 16 + len(e.Type) + len(e.Data) + len(e.UUID)
		for _, tag := range e.Tags {
			size += 2 + len(tag)
		}
		for _, entry := range e.Metadata {
			size += 6 + len(entry.Key) + len(entry.Value)
		}
	}
	return size
}

// IsRecognisable reports whether a store recognises the append if it is repeated: its first event
// must match its condition, and every event must have a UUID of its own, and be visible for the
// caller.
func (r *AppendRequest) IsRecognisable() bool {
	if r.Condition == nil {
		return false
	}
	seen := make(map[string]bool, r.Count)
	for event := range r.All() {
		id := string(event.UUID())
		if id == "" || seen[id] || r.IsVisible != nil && !r.IsVisible(event) {
			return false
		}
		if len(seen) == 0 {
			decoded, err := DecodeEvent(event)
			if err != nil || !r.Condition.FailIfEventsMatch.Matches(decoded.Type, decoded.Tags) {
				return false
			}
		}
		seen[id] = true
	}
	return len(seen) > 0
}

// EncodeAppend returns the encoding of an AppendRequest. It validates nothing.
func EncodeAppend(events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) []byte {
	var scratch []byte
	request := make([]byte, 0, encodedSizeHint(events))
	for i := range events {
		scratch = AppendEvent(scratch[:0], &events[i])
		request = appendBytes(request, fieldAppendEvent, scratch)
	}
	if condition != nil {
		scratch = appendCondition(scratch[:0], condition)
		request = appendBytes(request, fieldAppendCondition, scratch)
	}
	if tracking != nil {
		request = appendBytes(request, fieldAppendTracking, AppendTracking(scratch[:0], tracking))
	}
	return request
}

// ParseAppend decodes and validates an AppendRequest. Every error is a
// dcb.ErrInvalidArgument. The limits must not be zero.
func ParseAppend(request []byte, limits *dcb.Limits) (*AppendRequest, error) {
	if len(request) > limits.RequestBytes {
		return nil, invalid("the request has %d bytes, over the limit of %d", len(request), limits.RequestBytes)
	}
	p := appendParser{limits: limits, request: request, query: newQueryParser(limits)}
	for offset := 0; offset < len(request); {
		f, err := nextField(request, offset)
		if err == nil {
			err = p.field(f)
		}
		if err != nil {
			return nil, asInvalid(err)
		}
		offset = f.end
	}
	return &p.result, nil
}

type appendParser struct {
	limits    *dcb.Limits
	request   []byte
	result    AppendRequest
	eventsEnd int // offset in request of the end of Events, if it aliases request
	query     *queryParser

	metadata int // number of entries of all events
}

func (p *appendParser) field(f field) (err error) {
	switch {
	case f.message(fieldAppendEvent):
		err = p.event(f)
		if err != nil {
			err = p.prefixEvent(err)
		}
	case f.message(fieldAppendCondition):
		if p.result.Condition == nil {
			p.result.Condition = new(dcb.AppendCondition)
		}
		err = parseCondition(f.bytes, p.query, p.result.Condition)
	case f.message(fieldAppendTracking):
		if p.result.Tracking == nil {
			p.result.Tracking = new(dcb.TrackingInfo)
		}
		err = parseTracking(f.bytes, p.result.Tracking)
	}
	return err
}

func (p *appendParser) event(f field) error {
	p.result.Count++
	if p.result.Count > p.limits.RequestEvents {
		return invalid("the request has more than %d events, which is the limit", p.limits.RequestEvents)
	}
	event, checked, err := canonicalEvent(f.bytes, p.limits)
	if err != nil {
		return err
	}
	if err := p.countParts(&checked); err != nil {
		return err
	}
	if p.extendEvents(f, event) {
		return nil
	}
	if !p.result.Copied {
		p.result.Copied = true
		p.result.Events = append(make([]byte, 0, len(p.request)), p.result.Events...)
	}
	p.result.Events = appendBytes(p.result.Events, fieldAppendEvent, event)
	return nil
}

// countParts counts the tags and metadata entries of an event, and checks their limits.
func (p *appendParser) countParts(event *checkedEvent) error {
	p.result.Tags += event.tags
	p.metadata += len(event.metadata)
	if p.result.Tags > p.limits.RequestTags {
		return invalid("the request has more than %d tags up to this event, which is the limit; append the events in several requests", p.limits.RequestTags)
	}
	if p.metadata > p.limits.RequestMetadata {
		return invalid("the request has more than %d metadata entries up to this event, which is the limit; append the events in several requests", p.limits.RequestMetadata)
	}
	return nil
}

// extendEvents lets Events alias one more event, if the event is canonical in the
// request and directly follows the others. It reports whether it has done so.
func (p *appendParser) extendEvents(f field, event Event) bool {
	aliasesField := len(event) == len(f.bytes) && (len(event) == 0 || &event[0] == &f.bytes[0])
	if p.result.Copied || !aliasesField || f.end-f.start != sizeOfBytes(len(event)) {
		return false
	}
	if len(p.result.Events) == 0 {
		p.result.Events = p.request[f.start:f.end]
	} else if f.start == p.eventsEnd {
		p.result.Events = p.request[p.eventsEnd-len(p.result.Events) : f.end]
	} else {
		return false
	}
	p.eventsEnd = f.end
	return true
}

// prefixEvent adds the number of the current event to an error, unless there are
// too many events.
func (p *appendParser) prefixEvent(err error) error {
	var e *dcb.Error
	if p.result.Count > p.limits.RequestEvents {
		return err
	}
	if errors.As(err, &e) {
		return &dcb.Error{Kind: e.Kind, Detail: fmt.Sprintf("event %d: %s", p.result.Count, e.Detail)}
	}
	return invalid("cannot decode event %d: %v", p.result.Count, err)
}

// parseCondition merges an encoded condition into condition: in protobuf, a field
// that occurs several times contains parts of one message.
func parseCondition(message []byte, p *queryParser, condition *dcb.AppendCondition) error {
	err := eachField(message, func(f field) error {
		switch {
		case f.message(conditionQuery):
			return p.parse(f.bytes)
		case f.scalar(conditionAfter):
			condition.After = f.varint
		}
		return nil
	})
	condition.FailIfEventsMatch = p.query
	return err
}

func appendCondition(dst []byte, condition *dcb.AppendCondition) []byte {
	dst = appendBytes(dst, conditionQuery, appendQuery(nil, condition.FailIfEventsMatch))
	if condition.After != 0 {
		dst = appendUint(dst, conditionAfter, condition.After)
	}
	return dst
}

// CheckEvent verifies that stored bytes are a canonical event, without limits on its
// size.
func CheckEvent(event Event) error {
	limits := dcb.Limits{EventBytes: math.MaxInt, EventTags: math.MaxInt}
	_, canonical, err := checkEvent(event, &limits)
	if err == nil && !canonical {
		err = errors.New("it is not encoded canonically")
	}
	return err
}

// NewAppend validates an append and returns it as a request.
func NewAppend(events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo, limits *dcb.Limits) (*AppendRequest, error) {
	return ParseAppend(EncodeAppend(events, condition, tracking), limits)
}
