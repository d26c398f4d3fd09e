//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
)

const (
	groups   = 4  // of events, by tag; each has subscribers
	sources  = 6  // whose tracking is recorded
	capacity = 10 // of a course
)

// numbers make the clients contend: several use the same name or course at about the same time.
type numbers struct {
	names, courses, uuids atomic.Uint64
	sources               [sources]atomic.Uint64
}

// caller is a client that makes one call after another, at any node.
type caller struct {
	w      *world
	number int
	chance *rand.Rand
	stores map[int]dcb.EventStore // of each node
}

func newCaller(w *world, number int) *caller {
	return &caller{w: w, number: number, chance: rand.New(rand.NewPCG(w.seed, uint64(number)+1)), stores: map[int]dcb.EventStore{}}
}

func (c *caller) close() {
	for _, s := range c.stores {
		s.Close()
	}
}

// at returns the store at a node, or nil if the node cannot be reached.
func (c *caller) at(n *node) dcb.EventStore {
	return c.dial(n.number, n.clients.address, &client.Options{ConnectTimeout: 2 * time.Second, FailFast: true, NoResume: true})
}

// anyNode is the number that stands for the node that a client with the addresses of all nodes
// selects.
const anyNode = -1

// atAny returns the store at all nodes, or nil if none can be reached.
func (c *caller) atAny() dcb.EventStore {
	var addresses []string
	for _, n := range c.w.nodes {
		addresses = append(addresses, n.clients.address)
	}
	return c.dial(anyNode, strings.Join(addresses, ","), &client.Options{ConnectTimeout: 5 * time.Second})
}

func (c *caller) dial(number int, addresses string, options *client.Options) dcb.EventStore {
	if c.stores[number] == nil {
		s, err := client.Dial("http://"+addresses, options)
		if err != nil {
			return nil
		}
		c.stores[number] = s
	}
	return c.stores[number]
}

// next returns the store for the next call, or nil, and the number of its node. Some callers
// leave it to the client to select a node.
func (c *caller) next() (dcb.EventStore, int) {
	if c.number%4 == 0 {
		return c.atAny(), anyNode
	}
	n := c.w.anyNode(c.chance)
	return c.at(n), n.number
}

// run makes calls until the run is over.
func (c *caller) run() {
	defer c.close()
	for !c.w.ended() {
		switch c.chance.IntN(10) {
		case 0, 1, 2:
			c.claim()
		case 3, 4:
			c.enrol()
		case 5:
			c.plain()
		case 6:
			c.track()
		default:
			c.look()
		}
		time.Sleep(time.Duration(c.chance.Int64N(int64(2 * c.w.thinking))))
	}
}

// event returns a new event. Every event is in a group.
func (c *caller) event(kind string, size int, tags ...string) dcb.Event {
	number := c.w.numbers.uuids.Add(1)
	e := dcb.Event{
		Type: kind, Tags: append(tags, fmt.Sprintf("group:%d", c.chance.IntN(groups))),
		UUID: fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(c.w.seed), c.number, number),
	}
	e.Data = []byte(e.UUID + strings.Repeat(".", size))
	return e
}

// claim appends an event with a unique name.
func (c *caller) claim() {
	tag := fmt.Sprintf("name:%d", c.w.numbers.names.Add(1)/8)
	call := &call{Kind: "claim", Events: []dcb.Event{c.event("Claimed", c.chance.IntN(200), tag)}}
	call.Condition = &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Claimed"}, Tags: []string{tag}}}}}
	c.append(call)
}

// enrol reads the events of a course, and appends one if the course is not full.
func (c *caller) enrol() {
	tag := fmt.Sprintf("course:%d", c.w.numbers.courses.Add(1)/40)
	read := c.read(dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag}}}})
	if read == nil || len(read.Positions) >= capacity {
		return
	}
	call := &call{Kind: "enrol"}
	for range 1 + c.chance.IntN(2) {
		call.Events = append(call.Events, c.event("Enrolled", c.chance.IntN(100), tag))
	}
	call.Condition = &dcb.AppendCondition{FailIfEventsMatch: read.Query, After: read.Head}
	c.append(call)
}

// plain appends events without a condition.
func (c *caller) plain() {
	call := &call{Kind: "plain"}
	size, count := []int{0, 10, 500, 5000, 40_000}[c.chance.IntN(5)], 1+c.chance.IntN(5)
	if *bulk > 0 && c.chance.IntN(10) == 0 {
		size, count = 20, *bulk
	}
	for range count {
		call.Events = append(call.Events, c.event("Noted", size))
	}
	c.append(call)
}

// track appends with a position of a source, which sometimes is not above the last one.
func (c *caller) track() {
	number := c.chance.IntN(sources)
	call := &call{Kind: "track", Tracking: &dcb.TrackingInfo{Source: fmt.Sprintf("source:%d", number)}}
	call.Tracking.Position = c.w.numbers.sources[number].Add(1) - uint64(c.chance.IntN(2)*c.chance.IntN(3)) + 3
	if c.chance.IntN(4) != 0 {
		call.Events = []dcb.Event{c.event("Tracked", 20)}
	}
	c.append(call)
}

// look reads something.
func (c *caller) look() {
	switch c.chance.IntN(4) {
	case 0:
		c.query(&call{Kind: "head"}, func(ctx context.Context, s dcb.EventStore, r *call) (err error) {
			r.Head, err = s.Head(ctx)
			return err
		})
	case 1:
		r := &call{Kind: "tracking", Source: fmt.Sprintf("source:%d", c.chance.IntN(sources))}
		c.query(r, func(ctx context.Context, s dcb.EventStore, r *call) (err error) {
			r.Head, _, err = s.GetTrackingInfo(ctx, r.Source)
			return err
		})
	case 2:
		last := c.w.numbers.names.Load() / 8
		c.read(dcb.Query{Items: []dcb.QueryItem{{Tags: []string{fmt.Sprintf("name:%d", last-min(last, uint64(c.chance.IntN(5))))}}}})
	case 3:
		last := c.w.numbers.courses.Load() / 40
		c.read(dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Enrolled"}, Tags: []string{fmt.Sprintf("course:%d", last-min(last, uint64(c.chance.IntN(3))))}}}})
	}
}

// read reads all events that match a query. It returns nil if it has no result.
func (c *caller) read(query dcb.Query) *call {
	return c.query(&call{Kind: "read", Query: query}, func(ctx context.Context, s dcb.EventStore, r *call) error {
		events, head, err := s.Read(ctx, query, dcb.ReadOptions{}).Collect()
		r.Head, r.Positions, r.UUIDs = head, nil, nil
		for _, e := range events {
			r.Positions, r.UUIDs = append(r.Positions, e.Position), append(r.UUIDs, e.Event.UUID)
		}
		return err
	})
}

// query makes a read at a node and records it. It returns nil if there is no result.
func (c *caller) query(r *call, do func(context.Context, dcb.EventStore, *call) error) *call {
	s, number := c.next()
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.deadline())
	defer cancel()
	r.Client, r.Nodes, r.Start = c.number, []int{number}, c.w.now()
	err := do(ctx, s, r)
	r.End = c.w.now()
	r.conclude(err)
	c.w.history.add(r)
	if err != nil {
		return nil
	}
	return r
}

func (c *caller) deadline() time.Duration {
	return time.Second + time.Duration(c.chance.Int64N(int64(6*time.Second)))
}

// append makes an append, and repeats it at other nodes if its outcome is unknown and they
// would recognise it. A client may give up nevertheless.
func (c *caller) append(a *call) {
	a.Client, a.Start = c.number, c.w.now()
	for attempts := 0; ; attempts++ {
		s, number := c.next()
		if s == nil {
			a.Outcome, a.Error = failed, "no connection"
		} else {
			a.Nodes = append(a.Nodes, number)
			ctx, cancel := context.WithTimeout(context.Background(), c.deadline())
			var err error
			a.Position, err = s.Append(ctx, a.Events, a.Condition, a.Tracking)
			cancel()
			a.conclude(err)
		}
		a.End = c.w.now()
		a.Unknown = a.Unknown || a.Outcome == unknown
		again := a.Outcome == failed && len(a.Kinds) == 0 || a.Outcome == unknown && a.Condition != nil && c.chance.IntN(8) != 0
		if !again || c.w.ended() || attempts == 10 {
			break
		}
		time.Sleep(time.Duration(c.chance.IntN(200)) * time.Millisecond)
	}
	c.w.history.add(a)
	if a.Outcome == accepted && len(a.Events) > 0 {
		c.w.acknowledged(a)
	}
}

// kinds are the names of the kinds of errors.
var kinds = map[string]error{
	"integrity": dcb.ErrIntegrity, "invalid argument": dcb.ErrInvalidArgument, "authentication": dcb.ErrAuthentication, "corruption": dcb.ErrCorruption,
	"io": dcb.ErrIO, "internal": dcb.ErrInternal, "serialization": dcb.ErrSerialization, "transport": dcb.ErrTransport, "closed": dcb.ErrClosed,
}

// conclude sets the outcome of a call from its error.
func (c *call) conclude(err error) {
	c.Outcome, c.Error, c.Kinds, c.Conflict = accepted, "", "", 0
	if err == nil {
		return
	}
	c.Error = err.Error()
	var names []string
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	c.Kinds = strings.Join(names, ", ")
	var e *dcb.Error
	switch {
	case errors.Is(err, dcb.ErrIntegrity):
		c.Outcome = rejected
		if errors.As(err, &e) {
			c.Conflict = e.ConflictPosition
		}
	case errors.Is(err, dcb.ErrTransport) && errors.As(err, &e) && e.NotAppended:
		c.Outcome, c.Kinds = failed, ""
	case errors.Is(err, dcb.ErrTransport):
		c.Outcome = unknown
	default:
		c.Outcome = failed
	}
}
