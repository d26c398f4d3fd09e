package record

import (
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
)

// Field numbers of umadb.v1.TrackingInfo.
const (
	trackingSource   = 1
	trackingPosition = 2
)

// parseTracking merges encoded tracking information into info and validates it.
func parseTracking(message []byte, info *dcb.TrackingInfo) error {
	if err := mergeTracking(message, info); err != nil {
		return err
	}
	if err := CheckSource(info.Source); err != nil {
		return err
	}
	if !validText(message, trackingSource) { // also one that a later field replaces
		return invalidSourceText()
	}
	return nil
}

func invalidSourceText() error { return invalid("the tracking source is not valid UTF-8") }

// CheckSource validates the name of a tracking source.
func CheckSource(source string) error {
	if len(source) > dcb.MaxSourceBytes {
		return invalid("the tracking source has %d bytes, over the limit of %d", len(source), dcb.MaxSourceBytes)
	}
	if !utf8.ValidString(source) {
		return invalidSourceText()
	}
	return nil
}

func decodeTracking(message []byte) (*dcb.TrackingInfo, error) {
	info := new(dcb.TrackingInfo)
	return info, mergeTracking(message, info)
}

func mergeTracking(message []byte, info *dcb.TrackingInfo) error {
	return eachField(message, func(f field) error {
		switch {
		case f.message(trackingSource):
			info.Source = string(f.bytes)
		case f.scalar(trackingPosition):
			info.Position = f.varint
		}
		return nil
	})
}

// AppendTracking appends the encoding of a TrackingInfo.
func AppendTracking(dst []byte, info *dcb.TrackingInfo) []byte {
	dst = appendText(dst, trackingSource, info.Source)
	if info.Position != 0 {
		dst = appendUint(dst, trackingPosition, info.Position)
	}
	return dst
}
