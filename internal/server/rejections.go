package server

import (
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// The bounds of what is kept of rejections.
const (
	// maxRejections is the number of rejections that are kept. So many are kept without a pause
	// between them; later ones are kept rejectionsPerSecond, because many clients that conflict with
	// each other make far more than anyone reads.
	maxRejections       = 256
	rejectionsPerSecond = 20
)

// rejections are the appends that were rejected last.
type rejections struct {
	total   atomic.Uint64 // of all, also of those that are not kept
	limiter *rate.Limiter

	mu   sync.Mutex
	kept uint64                    // guarded by mu; number of those that were ever kept
	ring [maxRejections]*Rejection // guarded by mu; the next one is at kept%maxRejections
}

func newRejections() *rejections {
	return &rejections{limiter: rate.NewLimiter(rejectionsPerSecond, maxRejections)}
}

// add counts a rejection, and keeps what describe returns, unless there are too many.
func (r *rejections) add(describe func() *Rejection) {
	if !r.limiter.Allow() {
		r.total.Add(1)
		return
	}
	rejection := describe()
	r.mu.Lock()
	defer r.mu.Unlock()
	rejection.Number = r.total.Add(1) // here, so that numbers ascend
	r.ring[r.kept%maxRejections] = rejection
	r.kept++
}

// newestFirst iterates over the rejections that are kept. It ends at those that are replaced
// meanwhile.
func (r *rejections) newestFirst() iter.Seq[*Rejection] {
	return func(yield func(*Rejection) bool) {
		r.mu.Lock()
		next := r.kept
		r.mu.Unlock()
		for next > 0 {
			next--
			r.mu.Lock()
			rejection, replaced := r.ring[next%maxRejections], r.kept-next > maxRejections
			r.mu.Unlock()
			if replaced || !yield(rejection) {
				return
			}
		}
	}
}

// recordRejection records an append if it was rejected. What a client sends to another server, which
// forwards it, is recorded there.
func (s *Server) recordRejection(c *call, request *record.AppendRequest, err error) {
	if err == nil || !errors.Is(err, dcb.ErrIntegrity) || c.method.name == peerService+"/Append" {
		return
	}
	s.rejections.add(func() *Rejection {
		return newRejection(c.key.name(), c.connection.RemoteAddr().String(), request, err)
	})
}

// Rejections iterates over the appends of clients that were rejected last, the newest first.
func (s *Server) Rejections() iter.Seq[*Rejection] { return s.rejections.newestFirst() }

// RejectedAppends returns the number of appends that were rejected, also of those that Rejections
// does not return.
func (s *Server) RejectedAppends() uint64 { return s.rejections.total.Load() }
