package wire

import (
	"fmt"
	"strconv"

	"github.com/umadb-go/umadb/dcb"
)

// Metadata of the calls of a client that uses several servers with the same events. With it,
// the client never reads less from one of them than it has seen or appended at another.
const (
	// MinPosition is metadata of a request: a position that the server must have before it
	// answers a read, a head or a tracking info.
	MinPosition = "umadb-min-position"
	// Position is the trailer of a call with MinPosition: the position of the last event that
	// the server has, 0 if it has none. It is not below the position in the answer, except
	// sometimes that of a forwarded append.
	Position = "umadb-position"
)

// FormatPosition returns the value of metadata for a position.
func FormatPosition(position uint64) string { return strconv.FormatUint(position, 10) }

// ParseMinPosition returns the position in a value of MinPosition, or dcb.ErrInvalidArgument.
func ParseMinPosition(value string) (uint64, error) {
	position, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the metadata %s is %.40q: it must be a position, in decimal digits", MinPosition, value)}
	}
	return position, nil
}
