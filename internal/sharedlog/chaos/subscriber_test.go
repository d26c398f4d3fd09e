//go:build linux

package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// lastType is the type of the event after which subscribers stop. It is in all groups.
const lastType = "Ended"

// subscriptions returns the queries of the subscribers. All of them match the last event.
func subscriptions() (queries []dcb.Query) {
	queries = append(queries, dcb.Query{}, dcb.Query{})
	for group := range groups {
		queries = append(queries, dcb.Query{Items: []dcb.QueryItem{{Tags: []string{fmt.Sprintf("group:%d", group)}}}})
	}
	return append(queries, dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Claimed", lastType}}}})
}

// subscribe receives the events of a query until the last one, and sometimes continues at
// another node after the last event that it has.
func (c *caller) subscribe(ctx context.Context, s *subscription) {
	defer c.close()
	for ctx.Err() == nil && !s.Complete {
		store, number := c.next()
		if store == nil {
			c.w.sleep(ctx, 100*time.Millisecond)
			continue
		}
		after := uint64(0)
		if len(s.Positions) > 0 {
			after = s.Positions[len(s.Positions)-1]
		}
		s.Nodes++
		patience := time.Second + time.Duration(c.chance.Int64N(int64(20*time.Second)))
		if number == anyNode { // the client continues at other nodes
			patience = time.Hour
		}
		some, cancel := context.WithTimeout(ctx, patience)
		for e, err := range store.Subscribe(some, s.Query, after) {
			if err != nil {
				break
			}
			s.Positions, s.UUIDs = append(s.Positions, e.Position), append(s.UUIDs, e.Event.UUID)
			if e.Event.Type == lastType {
				s.Complete = true
				break
			}
		}
		cancel()
		c.w.sleep(ctx, 10*time.Millisecond)
	}
}
