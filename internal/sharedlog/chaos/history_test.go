package chaos

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// outcome is what a client learned about a call.
type outcome string

const (
	accepted outcome = "accepted"
	rejected outcome = "rejected" // by the condition or the tracking
	failed   outcome = "failed"   // it certainly had no effect
	unknown  outcome = "unknown"
)

// call is a call of a client, with its retries at other nodes.
type call struct {
	Client  int
	Kind    string
	Nodes   []int         // that were called in turn
	Start   time.Duration // of the first attempt, since the start of the run
	End     time.Duration // of the last one
	Outcome outcome
	Unknown bool   // an attempt had an unknown outcome, whatever the last one had
	Error   string // of the last attempt
	Kinds   string // of package dcb, of the error

	// Of an append. Conflict is the position of the event that it conflicts with.
	Events             []dcb.Event
	Condition          *dcb.AppendCondition
	Tracking           *dcb.TrackingInfo
	Position, Conflict uint64

	// Of a read. It has the events up to Head that match Query, unless Kind is "head" or
	// "tracking".
	Query     dcb.Query
	Head      uint64
	Positions []uint64
	UUIDs     []string
	Source    string // whose tracking was read, as Head
}

func (c *call) isAppend() bool { return len(c.Events) > 0 || c.Tracking != nil }

// subscription is what a subscriber received, from whichever node.
type subscription struct {
	Query     dcb.Query
	Positions []uint64
	UUIDs     []string
	Nodes     int // number of times that it started at a node
	Complete  bool
}

// history is everything that clients learned in a run.
type history struct {
	mu            sync.Mutex
	Calls         []*call // guarded by mu
	Subscriptions []*subscription
}

func (h *history) add(c *call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Calls = append(h.Calls, c)
}

// write writes the history as JSON.
func (h *history) write(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}
