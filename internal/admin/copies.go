package admin

import (
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// copies are the calls of Groups in progress, and the last one that has ended when its client had
// all groups.
type copies struct {
	mu      sync.Mutex
	running []*adminv1.CopyStatus // guarded by mu, with their content
	last    *adminv1.CopyStatus   // guarded by mu; its content does not change
}

// begin adds a call.
func (c *copies) begin(follows bool) *adminv1.CopyStatus {
	added := &adminv1.CopyStatus{Started: timestamppb.Now(), Follows: follows}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, added)
	return added
}

// moved sets the position that the client of a call has.
func (c *copies) moved(to *adminv1.CopyStatus, position uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to.Position = position
}

// end removes a call. complete is set if its client has all groups.
func (c *copies) end(ended *adminv1.CopyStatus, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = slices.DeleteFunc(c.running, func(other *adminv1.CopyStatus) bool { return other == ended })
	if complete {
		ended.Ended = timestamppb.New(time.Now())
		c.last = ended
	}
}

// list returns the calls in progress and then the last one.
func (c *copies) list() (all []*adminv1.CopyStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.running {
		all = append(all, proto.CloneOf(r))
	}
	if c.last != nil {
		all = append(all, c.last)
	}
	return all
}
