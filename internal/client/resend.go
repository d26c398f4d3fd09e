package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

const (
	// callPatience is for how long a call that fails is sent again: long enough for a
	// server that restarts at once.
	callPatience = 5 * time.Second
	// roomPatience is for how long a call is sent again for which the server has no
	// room: long enough for a burst of large requests.
	roomPatience = 10 * time.Second
	// resumePatience is for how long a subscription tries to resume: long enough for a
	// server that is updated, or whose supervisor starts it again after a crash.
	resumePatience = time.Minute

	// The pause before a call is sent again doubles from firstPause to maxPause.
	firstPause = 100 * time.Millisecond
	maxPause   = 2 * time.Second

	// steady is how long a stream lasts that did not fail from the beginning.
	steady = time.Second
)

// resends paces the repetitions of a call that fails.
type resends struct {
	count int
	begun time.Time // when the call first failed
}

// pause waits before the call is sent again, longer each time. It returns false if the
// call must not be sent again: patience has passed since it first failed, or ctx is
// done.
func (r *resends) pause(ctx context.Context, patience time.Duration) bool {
	if r.count == 0 {
		r.begun = time.Now()
	}
	pause := maxPause
	if r.count < 5 {
		pause = min(pause, firstPause<<r.count)
	}
	r.count++
	// Clients that lost the same server should not come back as one.
	pause = pause/2 + rand.N(pause/2)
	if time.Since(r.begun)+pause > patience {
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

// ending is how a stream of the server ended.
type ending struct {
	err       error       // as gRPC returned it; io.EOF if the server ended the stream without an error
	trailer   metadata.MD // may be nil
	answered  bool        // the server had begun to answer this stream, or one before
	delivered bool        // the caller has received a message
}

// The following functions return for how long a stream that ended in this way may be
// opened again; 0 if it may not.

// resendRead is for reads. One that has delivered a message is not sent again: the
// events that a second read returns may not continue those of the first.
func resendRead(e ending) time.Duration {
	if e.delivered {
		return 0
	}
	if status.Code(e.err) == codes.ResourceExhausted {
		return roomPatience
	}
	return resendWatch(e)
}

// resendWatch is for watches of the health, of which each message is a whole answer.
func resendWatch(e ending) time.Duration {
	if status.Code(e.err) != codes.Unavailable {
		return 0
	}
	return callPatience
}

// resumeSubscription is for subscriptions that resume. One that the server had begun
// to answer resumes, unless the server itself has refused it. The server ends a
// subscription without an error only when it stops.
func resumeSubscription(e ending) time.Duration {
	if errors.Is(e.err, io.EOF) || (e.answered && isTemporary(e.err, e.trailer)) {
		return resumePatience
	}
	return resendRead(e)
}

// isTemporary reports whether a call that failed in this way may succeed when it is
// sent again. The statuses below come from the transport, from a proxy, or from a
// server that is stopping or has no room. A server that refuses the call itself sends
// an ErrorResponse with the status.
func isTemporary(err error, trailer metadata.MD) bool {
	if !errors.Is(wire.FromStatus(err, trailer), dcb.ErrTransport) {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Internal, codes.Unknown, codes.Aborted,
		codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted:
		return true
	}
	return false
}
