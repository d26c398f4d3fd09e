package record

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// responsePosition is the field number of the position in AppendResponse, HeadResponse,
// PositionAtResponse and TrackingResponse.
const responsePosition = 1

// DecodePosition decodes a umadb.v1.AppendResponse, HeadResponse, PositionAtResponse or
// TrackingResponse, which have the same form. It reports whether there is a position.
func DecodePosition(response []byte) (position uint64, found bool, err error) {
	err = eachField(response, func(f field) error {
		if f.scalar(responsePosition) {
			position, found = f.varint, true
		}
		return nil
	})
	return position, found, err
}

// positionAtRecordedAt is the field number of the time in PositionAtRequest.
const positionAtRecordedAt protowire.Number = 1

// EncodePositionAt encodes a umadb.v1.PositionAtRequest.
func EncodePositionAt(t time.Time) []byte {
	request := protowire.AppendTag(nil, positionAtRecordedAt, protowire.Fixed64Type)
	return protowire.AppendFixed64(request, uint64(UnixNano(t)))
}

// The first and the last time that a number of nanoseconds has.
var (
	firstTime = time.Unix(0, math.MinInt64)
	lastTime  = time.Unix(0, math.MaxInt64)
)

// UnixNano returns a time in Unix nanoseconds, or the nearest time that has a number.
func UnixNano(t time.Time) int64 {
	switch {
	case t.Before(firstTime):
		return math.MinInt64
	case t.After(lastTime):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// trackingRequestSource is the field number of the source in TrackingRequest.
const trackingRequestSource protowire.Number = 1

// EncodeTrackingRequest encodes a umadb.v1.TrackingRequest.
func EncodeTrackingRequest(source string) []byte {
	return appendText(nil, trackingRequestSource, source)
}
