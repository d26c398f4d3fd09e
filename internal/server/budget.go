package server

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// budgetWait is how long a call waits for others to be answered before it is
// refused.
const budgetWait = time.Second

// budget bounds the bytes of the requests in hand, or of the responses.
type budget struct {
	bytes *semaphore.Weighted
	of    string // what it is a budget of, for errors
}

func newBudget(of string, bytes int64) *budget {
	return &budget{semaphore.NewWeighted(bytes), of}
}

// take reserves bytes. It fails with RESOURCE_EXHAUSTED if there are none left
// within budgetWait.
func (b *budget) take(ctx context.Context, bytes int64) error {
	if b.bytes.TryAcquire(bytes) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, budgetWait)
	defer cancel()
	if b.bytes.Acquire(ctx, bytes) != nil {
		return status.Errorf(codes.ResourceExhausted, "too many %s are in hand for one more of %d bytes", b.of, bytes)
	}
	return nil
}

func (b *budget) give(bytes int64) { b.bytes.Release(bytes) }
