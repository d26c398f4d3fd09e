package server

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// limiter returns the limiter for a rate per second, with the burst of one second, or nil if
// the rate is 0. A limiter from before whose rate was the same continues.
func limiter(perSecond, before float64, used *rate.Limiter) *rate.Limiter {
	switch {
	case perSecond == 0:
		return nil
	case perSecond == before:
		return used
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(min(perSecond, math.MaxInt32))))
}

// overRate is the error of an append that exceeds a rate of its key.
type overRate struct {
	what  string // the rate
	key   string
	after time.Duration // after which it may be sent again
}

// Error returns the message of the status.
func (e *overRate) Error() string { return e.GRPCStatus().Err().Error() }

// GRPCStatus returns the status; package status calls it.
func (e *overRate) GRPCStatus() *status.Status {
	return status.New(codes.ResourceExhausted, fmt.Sprintf("the API key %q is limited to %s; retry after %v", e.key, e.what, e.after))
}

// trailer returns the trailer that is sent with the status.
func (e *overRate) trailer() metadata.MD { return pushback(e.after) }

// charge counts an append of some bytes against the rates of its key, once for each call. It
// counts nothing if that would exceed a rate: it fails with RESOURCE_EXHAUSTED, or with
// dcb.ErrInvalidArgument if it could never succeed.
func (c *call) charge(bytes int) error {
	k := c.key
	if k == nil || c.charged || k.appends == nil && k.bytes == nil {
		return nil
	}
	if k.bytes != nil && bytes > k.bytes.Burst() {
		return invalidf("the request has %d bytes, and the API key %q is limited to %v bytes per second", bytes, k.Name, k.BytesPerSecond)
	}
	k.charging.Lock()
	defer k.charging.Unlock()
	now := time.Now()
	if wait := untilAvailable(k.appends, now, 1); wait > 0 {
		return &overRate{fmt.Sprintf("%v appends per second", k.AppendsPerSecond), k.Name, wait}
	}
	if wait := untilAvailable(k.bytes, now, bytes); wait > 0 {
		return &overRate{fmt.Sprintf("%v bytes per second", k.BytesPerSecond), k.Name, wait}
	}
	if k.appends != nil {
		k.appends.AllowN(now, 1)
	}
	if k.bytes != nil {
		k.bytes.AllowN(now, bytes)
	}
	c.charged = true
	return nil
}

// untilAvailable returns how long to wait until an amount is available, in whole milliseconds.
// It reserves nothing: a reservation that is cancelled while there are later ones is not
// returned in full. The limiter may be nil.
func untilAvailable(l *rate.Limiter, now time.Time, amount int) time.Duration {
	if l == nil {
		return 0
	}
	missing := float64(amount) - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	milliseconds := math.Ceil(1000 * missing / float64(l.Limit()))
	return time.Duration(min(milliseconds, maxWait)) * time.Millisecond
}

// maxWait is the maximum of a time.Duration in milliseconds, approximately.
const maxWait = float64(math.MaxInt64 / int64(time.Millisecond) / 2)
