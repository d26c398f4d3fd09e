package web

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Backend is a server of events as one key may use it.
type Backend struct {
	// Name is the URL of the server or the directory of the store, for people.
	Name     string
	Events   dcb.EventStore
	Terms    dcb.TermIndex
	Operator Operator
	// ReadOnly is set if events cannot be appended. The Server sets it, and then Append fails.
	ReadOnly bool
	// MayAppend returns an error if the key has no right to append. If it is nil, only the answer to an
	// append shows that.
	MayAppend func() error
	// Directory is set if the store is in a directory, whose path is Name, and no server serves it.
	Directory bool
	// PrintedKey is set if the only key is in an address that was printed. The Server sets it.
	PrintedKey bool
	// Close releases the backend when the request has been answered.
	Close func() error

	// These are set by the server.
	server  *Server
	key     string
	slots   *slots
	entered bool // the request has a slot
}

// CheckAppend returns an error if events certainly cannot be appended. It is cheap: call it before the body
// of a request is read.
func (b *Backend) CheckAppend() error {
	if b.ReadOnly {
		return errReadOnly
	}
	if b.MayAppend != nil {
		return b.MayAppend()
	}
	return nil
}

// Operator answers the questions of operators. The methods return errors.ErrUnsupported if the
// server is of another program or version, and dcb.ErrAuthentication if the key has no right to ask.
type Operator interface {
	Status(ctx context.Context) (*adminv1.StatusResponse, error)
	// Lagging returns this many subscriptions, those that lag most first, with their connections.
	Lagging(ctx context.Context, most uint32) (*adminv1.SessionsResponse, error)
	// Layout returns the files of the store and the positions that they cover.
	Layout(ctx context.Context) (*adminv1.LayoutResponse, error)
	// Rejections returns the appends that were rejected last, the newest first: this many, or all that
	// are kept if most is 0.
	Rejections(ctx context.Context, most uint32) (*adminv1.RejectionsResponse, error)
	// TrackingSources iterates over the tracking sources. An error is the last value.
	TrackingSources(ctx context.Context) iter.Seq2[dcb.TrackingInfo, error]
}

// Connect returns the backend for a key, which is empty if the request has none. It returns
// dcb.ErrAuthentication if the key is not valid.
type Connect func(ctx context.Context, key string) (*Backend, error)

// readOnly is an event store that refuses appends.
type readOnly struct{ dcb.EventStore }

// Append implements dcb.EventStore.
func (readOnly) Append(context.Context, []dcb.Event, *dcb.AppendCondition, *dcb.TrackingInfo) (uint64, error) {
	return 0, errReadOnly
}
