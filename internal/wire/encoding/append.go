package encoding

import (
	"errors"
	"fmt"
	"iter"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.AppendRequest.
const (
	appendEvent       = 1
	appendConditionNo = 2
	appendTracking    = 3
)

// AppendRequest is a validated append. Its events alias the bytes that it was
// parsed from, unless they had to be made canonical.
type AppendRequest struct {
	// Events is a run of AppendRequest.events fields, each canonical.
	Events    []byte
	Count     int
	Tags      int                  // of all events
	Condition *dcb.AppendCondition // nil for none
	Tracking  *dcb.TrackingInfo    // nil for none
	// Copied reports that Events is a copy: nothing aliases the bytes that were parsed.
	Copied bool
}

// All ranges over the events.
func (r *AppendRequest) All() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for rest := r.Events; len(rest) > 0; {
			var event Event
			event, rest = Event.take(nil, rest)
			if !yield(event) {
				return
			}
		}
	}
}

// roomFor is about what events take when they are encoded: enough for most.
func roomFor(events []dcb.Event) int {
	room := 64
	for i := range events {
		e := &events[i]
		room += 16 + len(e.Type) + len(e.Data) + len(e.UUID)
		for _, tag := range e.Tags {
			room += 2 + len(tag)
		}
		for _, entry := range e.Metadata {
			room += 6 + len(entry.Key) + len(entry.Value)
		}
	}
	return room
}

// EncodeAppend gives the bytes of an AppendRequest. Nothing is validated.
func EncodeAppend(events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) []byte {
	var scratch []byte
	request := make([]byte, 0, roomFor(events))
	for i := range events {
		scratch = AppendEvent(scratch[:0], &events[i])
		request = appendBytes(request, appendEvent, scratch)
	}
	if condition != nil {
		scratch = appendCondition(scratch[:0], condition)
		request = appendBytes(request, appendConditionNo, scratch)
	}
	if tracking != nil {
		request = appendBytes(request, appendTracking, AppendTracking(scratch[:0], tracking))
	}
	return request
}

// ParseAppend validates the bytes of an AppendRequest. Whatever is wrong with
// them, the error is dcb.ErrInvalidArgument. limits must have their defaults.
func ParseAppend(request []byte, limits *dcb.Limits) (*AppendRequest, error) {
	if len(request) > limits.RequestBytes {
		return nil, invalid("the request takes %d bytes, over the limit of %d", len(request), limits.RequestBytes)
	}
	p := appendParser{limits: limits, request: request, query: queryParser{limit: limits.QueryTerms}}
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
	limits  *dcb.Limits
	request []byte
	result  AppendRequest
	runEnd  int // where in request the run that Events aliases ends
	query   queryParser

	metadata int // entries of all events
}

func (p *appendParser) field(f field) (err error) {
	switch {
	case f.message(appendEvent):
		err = p.event(f)
		if err != nil {
			err = p.nameEvent(err)
		}
	case f.message(appendConditionNo):
		if p.result.Condition == nil {
			p.result.Condition = new(dcb.AppendCondition)
		}
		err = parseCondition(f.bytes, &p.query, p.result.Condition)
	case f.message(appendTracking):
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
	if p.extendRun(f, event) {
		return nil
	}
	if !p.result.Copied {
		p.result.Copied = true
		p.result.Events = append(make([]byte, 0, len(p.request)), p.result.Events...)
	}
	p.result.Events = appendBytes(p.result.Events, appendEvent, event)
	return nil
}

// countParts adds the tags and metadata entries of one more event.
func (p *appendParser) countParts(event *checkedEvent) error {
	p.result.Tags += event.tags
	p.metadata += len(event.metadata)
	if p.result.Tags > p.limits.RequestTags {
		return invalid("the request has more than %d tags up to here, which is the limit; append the events in several requests", p.limits.RequestTags)
	}
	if p.metadata > p.limits.RequestMetadata {
		return invalid("the request has more than %d metadata entries up to here, which is the limit; append the events in several requests", p.limits.RequestMetadata)
	}
	return nil
}

// extendRun lets Events alias one more event, if that one lies in the request
// right behind the others and as it must be.
func (p *appendParser) extendRun(f field, event Event) bool {
	inPlace := len(event) == len(f.bytes) && (len(event) == 0 || &event[0] == &f.bytes[0])
	if p.result.Copied || !inPlace || f.end-f.start != sizeOfBytes(len(event)) {
		return false
	}
	if len(p.result.Events) == 0 {
		p.result.Events = p.request[f.start:f.end]
	} else if f.start == p.runEnd {
		p.result.Events = p.request[p.runEnd-len(p.result.Events) : f.end]
	} else {
		return false
	}
	p.runEnd = f.end
	return true
}

// nameEvent says which event an error is about, where that helps.
func (p *appendParser) nameEvent(err error) error {
	var e *dcb.Error
	if p.result.Count > p.limits.RequestEvents {
		return err
	}
	if errors.As(err, &e) {
		return &dcb.Error{Kind: e.Kind, Detail: fmt.Sprintf("event %d: %s", p.result.Count, e.Detail)}
	}
	return invalid("event %d cannot be read: %v", p.result.Count, err)
}

// CheckEvent verifies that stored bytes are a canonical event, of whatever size.
func CheckEvent(event Event) error {
	limits := dcb.Limits{EventBytes: math.MaxInt, EventTags: math.MaxInt}
	_, canonical, err := checkEvent(event, &limits)
	if err == nil && !canonical {
		err = errors.New("it is not encoded canonically")
	}
	return err
}

// NewAppend validates an append that comes as values.
func NewAppend(events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo, limits *dcb.Limits) (*AppendRequest, error) {
	return ParseAppend(EncodeAppend(events, condition, tracking), limits)
}

// sizeUint is the encoded size of a varint field numbered below 16.
func sizeUint(value uint64) int { return 1 + protowire.SizeVarint(value) }
