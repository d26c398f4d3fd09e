package server

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Store is the event store that the server serves. Its requests and responses are
// encoded. Its errors are those of package dcb.
type Store interface {
	// Commit is EventStore.Append. When giveUp is closed, an append that is not being
	// written has no effect and fails with context.Canceled. Commit does not use the
	// request after it returns.
	Commit(ctx context.Context, request *record.AppendRequest, giveUp <-chan struct{}) (uint64, error)
	// OpenRead starts a read on a snapshot of the store.
	OpenRead(request *record.ReadRequest) (record.Cursor, error)
	// OpenSubscription starts a subscription. Its cursor returns io.EOF when the
	// store is closed.
	OpenSubscription(request *record.SubscribeRequest) (record.Cursor, error)
	// Head is EventStore.Head.
	Head(ctx context.Context) (uint64, error)
	// GetTrackingInfo is EventStore.GetTrackingInfo.
	GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error)
	// Limits returns the limits for parsing requests.
	Limits() *dcb.Limits
	// Failed is closed when a write or sync has failed, and no append will
	// succeed before a restart.
	Failed() <-chan struct{}
	// AppendStall returns for how long appends have been waiting while none of them
	// completed, or 0 if none is waiting.
	AppendStall() time.Duration
}
