package encoding

import "github.com/umadb-go/umadb/dcb"

// Field numbers of umadb.v1.TrackingInfo.
const (
	trackingSource   = 1
	trackingPosition = 2
)

// parseTracking merges encoded tracking information into info and validates it.
func parseTracking(message []byte, info *dcb.TrackingInfo) error {
	err := mergeTracking(message, info)
	switch {
	case err != nil:
		return err
	case len(info.Source) > dcb.MaxSourceBytes:
		return invalid("the tracking source has %d bytes, over the limit of %d", len(info.Source), dcb.MaxSourceBytes)
	case !validText(message, trackingSource):
		return invalid("the tracking source is not valid UTF-8")
	}
	return nil
}

// CheckSource validates the name of a tracking source.
func CheckSource(source string) error {
	return parseTracking(AppendTracking(nil, &dcb.TrackingInfo{Source: source}), new(dcb.TrackingInfo))
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
