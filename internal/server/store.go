package server

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// Store is what the server serves: an event store that takes and gives wire
// bytes. Its errors are those of package dcb.
type Store interface {
	// Commit is EventStore.Append. When giveUp is closed, an append that is not being
	// written has no effect and fails with context.Canceled. Commit does not touch the
	// request after it returns.
	Commit(ctx context.Context, request *encoding.AppendRequest, giveUp <-chan struct{}) (uint64, error)
	// OpenRead begins a read: its snapshot is taken now.
	OpenRead(request *encoding.ReadRequest) (encoding.Cursor, error)
	// OpenSubscription begins a subscription. Its cursor ends with io.EOF when
	// the store closes.
	OpenSubscription(request *encoding.SubscribeRequest) (encoding.Cursor, error)
	// Head is EventStore.Head.
	Head(ctx context.Context) (uint64, error)
	// GetTrackingInfo is EventStore.GetTrackingInfo.
	GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error)
	// Limits gives the limits that requests are to be parsed with.
	Limits() *dcb.Limits
	// Failed is closed when a write or sync has failed, and no append will
	// succeed before a restart.
	Failed() <-chan struct{}
	// AppendStall returns for how long appends have waited without any of them being
	// answered; 0 if none waits.
	AppendStall() time.Duration
}
