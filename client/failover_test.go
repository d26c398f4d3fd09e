package client_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

var seeds = flag.Uint64("failover-seeds", 1, "number of runs of TestClientsOfServersThatFail")

const (
	// failoverClients is the number of clients of a run.
	failoverClients = 4
	// failoverTime bounds a call while one server works. It takes milliseconds on an idle machine.
	failoverTime = 30 * time.Second
	// failoverAppends is the minimum number of appends of a run that succeed, and runTime bounds how long
	// it may take to make them.
	failoverAppends = 100
	runTime         = 2 * time.Minute
)

// Three servers of a shared log, of which one at a time works all the time and the others fail.
// Each client sees what it has appended and seen, at every server; no append happens twice, and
// subscriptions have no gap.
func TestClientsOfServersThatFail(t *testing.T) {
	for seed := range *seeds {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			r := newFailoverRun(t, seed)
			var running sync.WaitGroup
			for n := range failoverClients {
				running.Go(func() { r.client(t, n) })
			}
			r.disturb(t)
			r.over.Store(true)
			running.Wait()
			r.check(t)
		})
	}
}

// failoverRun is a run of the test.
type failoverRun struct {
	seed  uint64
	nodes []*node
	url   string
	over  atomic.Bool // clients stop

	mu       sync.Mutex
	appended map[string]uint64 // guarded by mu; positions of appends by tag
	refused  []string          // guarded by mu; tags of appends that had no effect
	unknown  int               // guarded by mu; number of appends with an unknown outcome

	followed map[string][]*storetest.Followed // guarded by mu; subscriptions by tag
}

func newFailoverRun(t *testing.T, seed uint64) *failoverRun {
	r := &failoverRun{seed: seed, nodes: newNodes(t, 3), appended: make(map[string]uint64), followed: make(map[string][]*storetest.Followed)}
	var addresses []string
	for _, n := range r.nodes {
		addresses = append(addresses, n.address)
	}
	r.url = "http://" + strings.Join(addresses, ",")
	return r
}

// appends returns the number of appends that have succeeded.
func (r *failoverRun) appends() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.appended)
}

// disturb makes servers fail, but never all of them.
func (r *failoverRun) disturb(t *testing.T) {
	random := rand.New(rand.NewPCG(r.seed, 0))
	pause := func() { time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond) }
	end := time.Now().Add(runTime)
	for n := 0; n < 8 || r.appends() < failoverAppends && time.Now().Before(end) && !t.Failed(); n++ {
		works := random.IntN(len(r.nodes))
		for range 6 {
			victim := r.nodes[(works+1+random.IntN(len(r.nodes)-1))%len(r.nodes)]
			switch random.IntN(4) {
			case 0:
				victim.stop(t)
				pause()
				victim.start(t)
			case 1:
				victim.cut()
			case 2:
				victim.refuse(true)
				pause()
				victim.refuse(false)
			case 3:
				victim.log.SetDown(true)
				pause()
				victim.log.SetDown(false)
			}
			pause()
		}
	}
}

// client uses the servers until the run is over.
func (r *failoverRun) client(t *testing.T, number int) {
	c, err := client.Dial(r.url, nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	following.Go(func() { follow(ctx, t, c) })
	for _, tag := range []string{fmt.Sprint("client", number), "none"} {
		following.Go(func() { r.followTag(ctx, t, c, tag) })
	}

	own := &session{failoverRun: r, store: c, random: rand.New(rand.NewPCG(r.seed, uint64(number)+1)), name: fmt.Sprint("client", number)}
	for !r.over.Load() && !t.Failed() {
		started := time.Now()
		own.call(t)
		if took := time.Since(started); took > failoverTime {
			t.Errorf("a call took %v", took)
		}
	}
}

// follow checks that a subscription has each event once.
func follow(ctx context.Context, t *testing.T, c dcb.EventStore) {
	last := uint64(0)
	for event, err := range c.Subscribe(ctx, dcb.Query{}, 0) {
		if ctx.Err() != nil {
			return
		}
		if err != nil || event.Position != last+1 {
			t.Errorf("subscription: after position %d: %d, %v", last, event.Position, err)
			return
		}
		last = event.Position
	}
}

// followTag records a subscription to the events with a tag, and its progress.
func (r *failoverRun) followTag(ctx context.Context, t *testing.T, c dcb.EventStore, tag string) {
	f, err := storetest.Follow(ctx, c, withTag(tag), 0, nil)
	if err != nil {
		t.Errorf("subscription to %s: %v", tag, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followed[tag] = append(r.followed[tag], f)
}

func withTag(tag string) dcb.Query { return dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag}}}} }

// session is a client and what it has seen.
type session struct {
	*failoverRun
	store  dcb.EventStore
	random *rand.Rand
	name   string
	calls  int
	seen   uint64 // the highest position
	own    uint64 // number of its appends that have succeeded
}

// call makes a call and checks its result.
func (s *session) call(t *testing.T) {
	s.calls++
	ctx, cancel := context.WithTimeout(t.Context(), failoverTime)
	defer cancel()
	switch s.random.IntN(4) {
	case 0:
		s.append(ctx, t, "")
	case 1:
		s.append(ctx, t, uuid.NewString())
	case 2:
		head, err := s.store.Head(ctx)
		s.saw(t, "head", head, err)
	case 3:
		events, head, err := s.store.Read(ctx, withTag(s.name), dcb.ReadOptions{}).Collect()
		s.saw(t, "read", head, err)
		if uint64(len(events)) < s.own {
			t.Errorf("%s has read %d events, and has appended %d", s.name, len(events), s.own)
		}
	}
}

// saw checks that a position is not before those that were seen.
func (s *session) saw(t *testing.T, call string, position uint64, err error) {
	if err != nil || position < s.seen {
		t.Errorf("%s: %s: position %d after %d, %v", s.name, call, position, s.seen, err)
	}
	s.seen = max(s.seen, position)
}

// append appends an event, which can be recognised if it has a UUID.
func (s *session) append(ctx context.Context, t *testing.T, id string) {
	tag := fmt.Sprint(s.name, "-", s.calls)
	var condition *dcb.AppendCondition
	if id != "" {
		condition = &dcb.AppendCondition{FailIfEventsMatch: withTag(tag)}
	}
	position, err := s.store.Append(ctx, []dcb.Event{{Type: "T", Tags: []string{s.name, tag}, UUID: id}}, condition, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	failed, _ := errors.AsType[*dcb.Error](err)
	switch {
	case err == nil:
		s.saw(t, "append", position, nil)
		s.appended[tag] = position
		s.own++
	case id != "" || !errors.Is(err, dcb.ErrTransport):
		t.Errorf("%s: append: %v", s.name, err)
	case failed.NotAppended:
		s.refused = append(s.refused, tag)
	default:
		s.unknown++
	}
}

// check compares the events with the outcomes of the appends.
func (r *failoverRun) check(t *testing.T) {
	c, err := client.Dial(r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	events, _, err := c.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	stored := make(map[string]uint64)
	for _, event := range events {
		tag := event.Event.Tags[1]
		if stored[tag] != 0 {
			t.Errorf("the append %s is at the positions %d and %d", tag, stored[tag], event.Position)
		}
		stored[tag] = event.Position
	}
	for tag, position := range r.appended {
		if stored[tag] != position {
			t.Errorf("the append %s has returned position %d, and is at %d", tag, position, stored[tag])
		}
	}
	for _, tag := range r.refused {
		if stored[tag] != 0 {
			t.Errorf("the append %s is at position %d, and the client has reported that it did not happen", tag, stored[tag])
		}
	}
	for tag, all := range r.followed {
		matching, err := storetest.Matching(t.Context(), c, withTag(tag))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if f.Check(t, matching); len(f.Reports) < 2 {
				t.Errorf("the subscription to %s has reported %v", tag, f.Reports)
			}
		}
	}
	t.Logf("%d events; %d appends, %d refused, %d of unknown outcome", len(events), len(r.appended), len(r.refused), r.unknown)
	if len(r.appended) < failoverAppends {
		t.Errorf("only %d appends", len(r.appended))
	}
}
