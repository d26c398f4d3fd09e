package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// Head returns the position of the last event, or 0 if there is none.
func (c *Client) Head(ctx context.Context) (uint64, error) {
	position, _, err := c.callIdempotent(ctx, wire.MethodHead, nil)
	c.servers.saw(position)
	return position, err
}

// GetTrackingInfo returns the last recorded upstream position of a source, and
// reports whether there is one.
func (c *Client) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	if err := record.CheckSource(source); err != nil {
		return 0, false, err
	}
	return c.callIdempotent(ctx, wire.MethodGetTrackingInfo, record.EncodeTrackingRequest(source))
}

// failure describes how one attempt of a call failed.
type failure struct {
	err         error // of package dcb
	unavailable bool  // a retry may succeed
	exhausted   bool  // the server did not have enough memory for the call
	noEffect    bool  // the call certainly had no effect on the server
	refused     bool  // the server accepts no appends, because it is a standby
}

// answerError is an error of package dcb, with the code of the server's answer.
type answerError struct {
	error
	code codes.Code
}

// Unwrap returns the error of package dcb.
func (e *answerError) Unwrap() error { return e.error }

// GRPCStatus returns the code for status.Code.
func (e *answerError) GRPCStatus() *status.Status { return status.New(e.code, e.Error()) }

// withCode is toError, but if the server has answered, status.Code returns the code of the
// answer.
func withCode(err error) error {
	var e *grpcclient.Error
	if errors.As(err, &e) && e.Answered {
		return &answerError{toError(err), e.Code}
	}
	return toError(err)
}

// Invoke makes a unary call of a service other than the event store, once, at one of the servers.
// If the server has answered with an error, status.Code returns its code.
func (c *Client) Invoke(ctx context.Context, method string, request []byte) ([]byte, error) {
	return c.invokeOnce(ctx, c.servers.pick(false, 0), method, request)
}

// invokeOnce is Invoke at a server.
func (c *Client) invokeOnce(ctx context.Context, s *server, method string, request []byte) ([]byte, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.calls.Done()
	response, err := s.first.Invoke(ctx, method, request, nil)
	if err != nil {
		return nil, withCode(err)
	}
	return response, nil
}

// invoke makes one attempt of a unary call. It appends the response to buffer.
func (s *server) invoke(ctx context.Context, method string, request, buffer []byte) ([]byte, *failure) {
	response, err := s.first.Invoke(ctx, method, request, buffer)
	if err == nil {
		return response, nil
	}
	f := &failure{err: toError(err)}
	var e *grpcclient.Error
	if errors.As(err, &e) {
		if e.Code == codes.Unimplemented && method == wire.MethodPositionAt {
			f.err = errNoRecordedTimes
		}
		f.unavailable = e.Code == codes.Unavailable
		f.exhausted = e.Code == codes.ResourceExhausted && e.Answered
		f.refused = wire.RefusedByStandby(e.Code, e.Message)
		f.noEffect = e.NotProcessed || f.exhausted || f.refused || e.Code == codes.Unimplemented ||
			wire.RefusedForStop(e.Code, e.Message) || wire.RefusedWithoutEffect(e.Code, e.Message)
	}
	return nil, f
}

// toError converts the error of a call to one of package dcb.
func toError(err error) error {
	var e *grpcclient.Error
	switch {
	case errors.As(err, new(*dcb.Error)):
		return err
	case !errors.As(err, &e): // of a context
		return wire.FromStatus(status.FromContextError(err).Code(), err.Error(), nil)
	}
	converted := wire.FromStatus(e.Code, e.Message, e.Details)
	if e.HTTP != 0 && errors.Is(converted, dcb.ErrTransport) {
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: e.Message} // the code adds nothing
	}
	return converted
}

// callIdempotent makes a unary call that can be repeated any number of times, and retries
// it while the server is unavailable. It returns the position in the response, and reports
// whether there is one.
func (c *Client) callIdempotent(ctx context.Context, method string, request []byte) (position uint64, found bool, err error) {
	if err := c.begin(); err != nil {
		return 0, false, err
	}
	defer c.calls.Done()
	var buffer [positionBytes]byte
	a := attempts{servers: c.servers}
	for {
		response, failed := a.next().invoke(ctx, method, request, buffer[:0])
		if failed == nil {
			a.succeeded()
			position, found, err = record.DecodePosition(response)
			if err != nil {
				err = unreadable(err)
			}
			return position, found, err
		}
		d := decision{elsewhere: isOfServer(failed.err), avoid: isOfServer(failed.err) && !errors.Is(failed.err, errors.ErrUnsupported)}
		if failed.unavailable {
			d.patience = callPatience
		}
		if !a.retry(ctx, failed.err, d) {
			return 0, false, orContextError(ctx, a.explain(failed.err))
		}
	}
}

// positionBytes is the size of a response with a position.
const positionBytes = 16

// orContextError returns the error of ctx, as a call would have returned it, or err if
// ctx is not done.
func orContextError(ctx context.Context, err error) error {
	if ended := contextError(ctx); ended != nil {
		return toError(ended)
	}
	return err
}

// contextError returns ctx.Err(), or context.DeadlineExceeded if the deadline of ctx has passed and its
// timer has not fired yet: a server may report the same deadline earlier.
func contextError(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

const (
	// callPatience is how long a failed call is retried: long enough for a server that
	// restarts at once.
	callPatience = 5 * time.Second
	// overloadPatience is how long a call is retried for which the server does not have
	// enough memory: long enough for a burst of large requests.
	overloadPatience = 10 * time.Second
	// resumePatience is how long a subscription tries to resume: long enough for a server
	// that is updated, or that a supervisor restarts after a crash.
	resumePatience = time.Minute

	// The pause before a retry doubles from firstPause to maxPause.
	firstPause = 100 * time.Millisecond
	maxPause   = 2 * time.Second

	// steady is the minimum duration of a stream after which a failure counts as a new one.
	steady = time.Second
)

// resends paces the retries of a call.
type resends struct {
	count   int
	started time.Time // when the call first failed
}

// begin records when the call has first failed.
func (r *resends) begin() {
	if r.started.IsZero() {
		r.started = time.Now()
	}
}

// pause waits before a retry, longer each time. It returns false if the call must not be
// retried, because patience has passed since it first failed or ctx is done.
func (r *resends) pause(ctx context.Context, patience time.Duration) bool {
	r.begin()
	pause := maxPause
	if r.count < 5 {
		pause = min(pause, firstPause<<r.count)
	}
	r.count++
	// Clients that lost the same server should not all retry at the same time.
	pause = pause/2 + rand.N(pause/2)
	if time.Since(r.started)+pause > patience {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ending describes how a stream ended.
type ending struct {
	err       error // io.EOF if the server ended the stream without an error
	answered  bool  // the server had sent headers on this stream or an earlier one
	delivered bool  // the caller has received a message
}

// The following functions return for how long a stream that ended in this way may be
// opened again, or 0 if it may not.

// resendRead is for reads. A read that has delivered a message is not retried, because
// the events of a second read need not continue those of the first.
func resendRead(e ending) time.Duration {
	if e.delivered {
		return 0
	}
	if status.Code(e.err) == codes.ResourceExhausted {
		return overloadPatience
	}
	return resendWatch(e)
}

// resendWatch is for health watches, whose messages do not depend on earlier ones.
func resendWatch(e ending) time.Duration {
	if status.Code(e.err) != codes.Unavailable {
		return 0
	}
	return callPatience
}

// resumeSubscription is for subscriptions that resume. A subscription that the server has
// answered resumes, unless the server itself has refused it. The server ends a
// subscription without an error only when it stops.
func resumeSubscription(e ending) time.Duration {
	if errors.Is(e.err, io.EOF) || (e.answered && isTemporary(e.err)) {
		return resumePatience
	}
	return resendRead(e)
}

// isTemporary reports whether a call that failed in this way may succeed when it is
// retried. The codes below are those of the transport, of a proxy, or of a server that is
// stopping or overloaded. A server that refuses the call itself sends an ErrorResponse
// with the status.
func isTemporary(err error) bool {
	if !errors.Is(toError(err), dcb.ErrTransport) {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Internal, codes.Unknown, codes.Aborted,
		codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted:
		return true
	}
	return false
}
