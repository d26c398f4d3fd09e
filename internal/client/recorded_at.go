package client

import (
	"context"
	"errors"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// withRecordedAt asks a server for the recorded times of events. A server that does not keep
// them ignores it.
var withRecordedAt = []hpack.HeaderField{{Name: wire.With, Value: wire.WithRecordedAt}}

// errNoRecordedTimes is returned for a server that does not have the method PositionAt.
var errNoRecordedTimes = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: "the server does not keep recorded times: it is another program or an older version",
	Cause:  errors.ErrUnsupported,
}

// PositionAt returns the position of the last event recorded at a time or before, or 0 if there is
// none. If the server does not keep recorded times, the error matches errors.ErrUnsupported.
func (c *Client) PositionAt(ctx context.Context, t time.Time) (uint64, error) {
	position, _, err := c.callIdempotent(ctx, wire.MethodPositionAt, record.EncodePositionAt(t))
	c.servers.saw(position)
	return position, err
}
