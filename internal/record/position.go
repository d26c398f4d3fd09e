package record

import "google.golang.org/protobuf/encoding/protowire"

// responsePosition is the field number of the position in AppendResponse, HeadResponse and
// TrackingResponse.
const responsePosition = 1

// DecodePosition decodes a umadb.v1.AppendResponse, HeadResponse or TrackingResponse, which
// have the same form. It reports whether there is a position.
func DecodePosition(response []byte) (position uint64, found bool, err error) {
	err = eachField(response, func(f field) error {
		if f.scalar(responsePosition) {
			position, found = f.varint, true
		}
		return nil
	})
	return position, found, err
}

// trackingRequestSource is the field number of the source in TrackingRequest.
const trackingRequestSource protowire.Number = 1

// EncodeTrackingRequest encodes a umadb.v1.TrackingRequest.
func EncodeTrackingRequest(source string) []byte {
	return appendText(nil, trackingRequestSource, source)
}
