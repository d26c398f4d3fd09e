package backup

import (
	"context"
	"iter"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
)

const (
	// syncBytes bounds the bytes that a copy has written and not synced. syncEvery is the
	// default of Options.SyncEvery.
	syncBytes = 16 << 20
	syncEvery = 200 * time.Millisecond
)

// Source has the groups of a store.
type Source interface {
	// Groups iterates over the groups after one, as (*store.Store).Groups does. An error of
	// kind dcb.ErrTransport means that a later attempt may succeed.
	Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error]
}

// Target is a copy that is being written. After an error the copy can only be
// closed.
type Target interface {
	Tail() eventlog.Tail
	Write(*eventlog.Group) error
	// Sync makes all groups durable.
	Sync() error
	// Close makes all groups durable and ends the copy.
	Close() error
}

// closable is a Target that may have been opened as a store and closed, which adds a
// clean-close record to it. The methods are those of eventlog.Receiver.
type closable interface {
	BeforeClose() (eventlog.Tail, bool, error)
	RemoveClose(before eventlog.Tail) error
}

// Options configure a copy.
type Options struct {
	// Rate is how many bytes are copied a second; 0 is without a limit.
	Rate int64
	// SyncEvery is the greatest age of groups that are not synced while a copy follows its
	// source. The default is 200 ms.
	SyncEvery time.Duration
	// Bundle is for targets to which a sync is expensive: there is none until everything was
	// copied, and then only one at SyncEvery.
	Bundle bool
	// Retry reports whether Follow tries again after an error. The default is an error of kind
	// dcb.ErrTransport.
	Retry func(error) bool
	// Observer is notified of what happens; it may be nil.
	Observer Observer
}

// Observer is notified of what happens. Its methods are called by one goroutine.
type Observer interface {
	Progress(Summary)
	// CaughtUp is called once, when the copy first has everything that the source has.
	CaughtUp(Summary)
	// Lost is called when the source cannot be reached, and Reachable when it can again.
	Lost(error)
	Reachable()
}

// Summary is what was copied, and where the copy ends.
type Summary struct {
	Groups, Events, Bytes uint64
	Tracking              uint64 // number of tracking-only records
	Tail                  eventlog.Tail
}

// Copy copies the groups that the target does not have and the source has now. The target
// remains to be closed; only then is the copy complete and durable.
func Copy(ctx context.Context, source Source, target Target, o *Options) (Summary, error) {
	c := newCopier(source, target, o)
	err := c.copy(ctx, false)
	return c.summary, err
}
