package record

import (
	"context"
	"fmt"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.ReadRequest and SubscribeRequest.
const (
	readQuery     = 1
	readStart     = 2
	readBackwards = 3
	readLimit     = 4
	readSubscribe = 5
	readBatchSize = 6

	subscribeQuery     = 1
	subscribeAfter     = 2
	subscribeBatchSize = 3
)

// The default and the maximum number of events in a message.
const (
	DefaultBatchSize = 1024
	MaxBatchSize     = 4096
)

// ReadRequest is a validated umadb.v1.ReadRequest.
type ReadRequest struct {
	Query     dcb.Query
	Options   dcb.ReadOptions
	Subscribe bool
	BatchSize uint32 // 0 for the default
	// RecordedAt adds to each message when its events were recorded. It is not encoded.
	RecordedAt bool
	// Progress adds to the messages of a subscription how far it is. It is not encoded.
	Progress bool
}

// SubscribeRequest is a validated umadb.v1.SubscribeRequest.
type SubscribeRequest struct {
	Query     dcb.Query
	After     uint64
	BatchSize uint32 // 0 for the default
	// RecordedAt adds to each message when its events were recorded. It is not encoded.
	RecordedAt bool
	// Progress adds to the messages of a subscription how far it is. It is not encoded.
	Progress bool
}

// Cursor returns the result of a read or subscription, one message at a time. It must
// not be used by several goroutines at the same time. It holds no resources between
// calls.
type Cursor interface {
	// Wait waits until there may be a message. It returns io.EOF if there are no more.
	Wait(ctx context.Context) error
	// Next appends the next response message to dst: events, and the head if the
	// message has one. It appends at most size bytes, and returns a
	// MessageTooSmallError if the first event needs more. It returns io.EOF if there are
	// no more messages. A subscription that has no event and no progress to send appends nothing.
	Next(ctx context.Context, dst []byte, size int) ([]byte, error)
	// Progress returns what Next has returned so far.
	Progress() Progress
	// Close ends the cursor. It may be called again, but not concurrently with other methods.
	Close()
}

// Progress is how far a read or subscription has come.
type Progress struct {
	Events uint64 // number of events that were returned
	Last   uint64 // the position of the last of them, or 0
	// Checked is the position up to which a subscription has checked all events.
	Checked uint64
}

// MessageTooSmallError reports that the next event does not fit in a message.
type MessageTooSmallError struct {
	Need int // size in bytes of a message with the event
}

// Error returns a message with the size that the event needs.
func (e *MessageTooSmallError) Error() string {
	return fmt.Sprintf("the next event needs %d bytes", e.Need)
}

// ParseRead decodes and validates a ReadRequest.
func ParseRead(request []byte, limits *dcb.Limits) (*ReadRequest, error) {
	r := new(ReadRequest)
	p := newQueryParser(limits)
	err := eachField(request, func(f field) error {
		switch {
		case f.message(readQuery):
			return p.parse(f.bytes)
		case f.scalar(readStart):
			r.Options.Start = new(f.varint)
		case f.scalar(readBackwards):
			r.Options.Backwards = f.varint != 0
		case f.scalar(readLimit):
			r.Options.Limit = new(f.uint32())
		case f.scalar(readSubscribe):
			r.Subscribe = f.varint != 0
		case f.scalar(readBatchSize):
			r.BatchSize = f.batchSize()
		}
		return nil
	})
	r.Query = p.query
	if err == nil {
		err = r.validateOptions()
	}
	return r, asInvalid(err)
}

// Validate returns an error if the request exceeds the limits, or is not valid.
func (r *ReadRequest) Validate(limits *dcb.Limits) error {
	if err := ValidateQuery(r.Query, limits); err != nil {
		return err
	}
	return r.validateOptions()
}

func (r *ReadRequest) validateOptions() error {
	if r.Subscribe && r.Options.Backwards {
		return invalid("a read that subscribes cannot go backwards")
	}
	return nil
}

// batchSize returns the batch size, clamped to its bounds.
func (f field) batchSize() uint32 { return min(max(f.uint32(), 1), MaxBatchSize) }

// EncodeRead returns the encoding of a ReadRequest.
func EncodeRead(r *ReadRequest) []byte {
	var dst []byte
	if len(r.Query.Items) > 0 {
		dst = appendBytes(dst, readQuery, appendQuery(nil, r.Query))
	}
	if r.Options.Start != nil {
		dst = appendUint(dst, readStart, *r.Options.Start)
	}
	if r.Options.Backwards {
		dst = appendUint(dst, readBackwards, 1)
	}
	if r.Options.Limit != nil {
		dst = appendUint(dst, readLimit, uint64(*r.Options.Limit))
	}
	if r.Subscribe {
		dst = appendUint(dst, readSubscribe, 1)
	}
	if r.BatchSize != 0 {
		dst = appendUint(dst, readBatchSize, uint64(r.BatchSize))
	}
	return dst
}

// ParseSubscribe decodes and validates a SubscribeRequest.
func ParseSubscribe(request []byte, limits *dcb.Limits) (*SubscribeRequest, error) {
	r := new(SubscribeRequest)
	p := newQueryParser(limits)
	err := eachField(request, func(f field) error {
		switch {
		case f.message(subscribeQuery):
			return p.parse(f.bytes)
		case f.scalar(subscribeAfter):
			r.After = f.varint
		case f.scalar(subscribeBatchSize):
			r.BatchSize = f.batchSize()
		}
		return nil
	})
	r.Query = p.query
	return r, asInvalid(err)
}

// EncodeSubscribe returns the encoding of a SubscribeRequest.
func EncodeSubscribe(r *SubscribeRequest) []byte {
	var dst []byte
	if len(r.Query.Items) > 0 {
		dst = appendBytes(dst, subscribeQuery, appendQuery(nil, r.Query))
	}
	if r.After != 0 {
		dst = appendUint(dst, subscribeAfter, r.After)
	}
	if r.BatchSize != 0 {
		dst = appendUint(dst, subscribeBatchSize, uint64(r.BatchSize))
	}
	return dst
}

// ResumeAfter returns an encoded SubscribeRequest that continues after a position, or the
// request itself if the position is 0. The last value of a field is the one that counts.
func ResumeAfter(request []byte, position uint64) []byte {
	if position == 0 {
		return request
	}
	return appendUint(slices.Clip(request), subscribeAfter, position)
}

// ContinueRead returns an encoded ReadRequest with other options.
func ContinueRead(request []byte, options *dcb.ReadOptions) []byte {
	return append(slices.Clip(request), EncodeRead(&ReadRequest{Options: *options})...)
}
