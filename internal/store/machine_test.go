package store

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

// hostileCommitter delays, loses and fails groups at random.
type hostileCommitter struct {
	committer
	chance *rand.Rand
	loses  int // in 100 groups
	fails  int // in 1000 groups
}

func (c *hostileCommitter) commit(g sealedGroup) settled {
	time.Sleep(time.Duration(c.chance.IntN(3)) * time.Millisecond)
	switch {
	case c.chance.IntN(100) < c.loses:
		return settled{group: g, outcome: lost}
	case c.chance.IntN(1000) < c.fails:
		if c.chance.IntN(2) == 0 {
			c.committer.commit(g)
		}
		return settled{group: g, outcome: failed, err: errors.New("the disk is on fire")}
	}
	return c.committer.commit(g)
}

// attempt is an append with its result.
type attempt struct {
	id        string // in the data of each event
	events    []dcb.Event
	restore   uint64 // position of the first event of a restore, 0 for an append
	condition *dcb.AppendCondition
	tracking  *dcb.TrackingInfo
	position  uint64
	err       error
}

// hostileRun is a store that many callers use while its committer and its disk misbehave.
type hostileRun struct {
	*testing.T
	store    *Store
	options  Options
	seed     uint64
	full     atomic.Bool  // there is no space on the disk
	broken   atomic.Int64 // number of changes of the log until one fails
	shaky    atomic.Bool  // changes of the index fail at random
	mu       sync.Mutex
	attempts []attempt                       // guarded by mu
	streams  map[string][]dcb.SequencedEvent // of subscriptions, by tag; guarded by mu
	reads    [][]dcb.SequencedEvent          // guarded by mu
}

func (r *hostileRun) before(op vfs.Op) error {
	if r.full.Load() && (op.Kind == "allocate" || op.Kind == "create") {
		return syscall.ENOSPC
	}
	switch op.Kind {
	case "allocate", "create", "write", "sync", "syncdir", "truncate", "rename", "remove":
	default:
		return nil
	}
	inLog := strings.HasPrefix(op.Name, "/store/log")
	if inLog && r.broken.Add(-1) == 0 || !inLog && r.shaky.Load() && rand.IntN(30) == 0 {
		return syscall.EIO
	}
	return nil
}

func (r *hostileRun) open() {
	s, err := Open("/store", &r.options)
	if err != nil {
		r.Fatal(err)
	}
	r.store = s
}

const hostileTags = 4

// call appends until the store closes.
func (r *hostileRun) call(caller int) {
	chance := rand.New(rand.NewPCG(r.seed, uint64(caller)))
	for n := 0; ; n++ {
		a := attempt{id: fmt.Sprintf("%d-%d", caller, n)}
		for range 1 + chance.IntN(4)*chance.IntN(4) {
			data := a.id + " " + strings.Repeat("x", chance.IntN(3)*chance.IntN(300))
			a.events = append(a.events, dcb.Event{Type: "t", Tags: []string{fmt.Sprint(chance.IntN(hostileTags))}, Data: []byte(data)})
		}
		if chance.IntN(8) == 0 {
			a.events[0].Data = []byte(a.id + " " + strings.Repeat("x", 70_000)) // a large append
		}
		if chance.IntN(2) == 0 {
			head, _ := r.store.Head(context.Background())
			a.condition = &dcb.AppendCondition{FailIfEventsMatch: tagged(fmt.Sprint(chance.IntN(hostileTags))), After: head - min(head, uint64(chance.IntN(3)))}
		}
		if chance.IntN(3) == 0 {
			a.tracking = &dcb.TrackingInfo{Source: fmt.Sprint(chance.IntN(3)), Position: uint64(n + chance.IntN(3))}
			if chance.IntN(4) == 0 {
				a.events = nil
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		if chance.IntN(6) == 0 {
			time.AfterFunc(time.Duration(chance.IntN(4000))*time.Microsecond, cancel)
		}
		if chance.IntN(10) == 0 && len(a.events) > 0 {
			r.restore(ctx, &a)
		} else {
			a.position, a.err = r.store.Append(ctx, a.events, a.condition, a.tracking)
		}
		cancel()
		r.checkAtOnce(&a)
		r.mu.Lock()
		r.attempts = append(r.attempts, a)
		r.mu.Unlock()
		if errors.Is(a.err, dcb.ErrClosed) {
			return
		}
		time.Sleep(time.Duration(chance.IntN(2000)) * time.Microsecond)
	}
}

// restore restores the events after the head, with tracking before and in them, and some with a
// time. They have the same, so that they are restored all or none.
func (r *hostileRun) restore(ctx context.Context, a *attempt) {
	head, _ := r.store.Head(ctx)
	a.restore, a.condition = head+1, nil
	var at time.Time
	if head%2 == 0 {
		at = time.Now()
	}
	var records []dcb.SequencedEvent
	if a.tracking != nil {
		records = append(records, dcb.SequencedEvent{Tracking: a.tracking, RecordedAt: at})
	}
	for i := range a.events {
		records = append(records, dcb.SequencedEvent{Position: a.restore + uint64(i), Event: a.events[i], Tracking: a.tracking, RecordedAt: at})
	}
	if a.err = r.store.Restore(ctx, records); a.err == nil {
		a.position = head + uint64(len(a.events))
	}
}

// read reads backwards until the store closes. What it reads is checked when the log is
// known.
func (r *hostileRun) read(chance *rand.Rand) {
	for {
		tag, limit := fmt.Sprint(chance.IntN(hostileTags)), uint32(1+chance.IntN(40))
		events, _, err := r.store.Read(context.Background(), tagged(tag), dcb.ReadOptions{Backwards: true, Limit: &limit}).Collect()
		if err != nil {
			if !errors.Is(err, dcb.ErrClosed) {
				r.Errorf("reading: %v", err)
			}
			return
		}
		slices.Reverse(events)
		r.mu.Lock()
		r.reads = append(r.reads, events)
		r.mu.Unlock()
		time.Sleep(time.Duration(chance.IntN(3000)) * time.Microsecond)
	}
}

// checkReads checks that each read returned adjacent ones of the events with its tag.
func (r *hostileRun) checkReads(log []dcb.SequencedEvent) {
	for _, events := range r.reads {
		if len(events) == 0 || events[len(events)-1].Position > uint64(len(log)) {
			continue
		}
		next := events[0].Position
		for i := range events {
			for log[next-1].Event.Tags[0] != events[0].Event.Tags[0] {
				next++
			}
			if events[i].Position != next || !bytes.Equal(events[i].Event.Data, log[next-1].Event.Data) {
				r.Fatalf("a read returned the event at %d, want that at %d", events[i].Position, next)
			}
			next++
		}
	}
}

// checkAtOnce checks that a result is published when it is returned.
func (r *hostileRun) checkAtOnce(a *attempt) {
	head := r.store.published.Load().head
	if a.position > head {
		r.Errorf("append %s has position %d, and the head is %d", a.id, a.position, head)
	}
	var refused *dcb.Error
	if !errors.Is(a.err, dcb.ErrIntegrity) || !errors.As(a.err, &refused) {
		return
	}
	if at := refused.ConflictPosition; at > head {
		r.Errorf("append %s conflicts with position %d, and the head is %d", a.id, at, head)
	} else if at > 0 || a.restore > 0 && head >= a.restore {
		return
	}
	// A position may have been tracked, without an event, after the time of the restore.
	if a.restore > 0 && strings.Contains(a.err.Error(), "before the last commit") {
		return
	}
	if a.tracking == nil {
		r.Errorf("append %s fails with %v", a.id, a.err)
		return
	}
	position, known, err := r.store.GetTrackingInfo(context.Background(), a.tracking.Source)
	if !errors.Is(err, dcb.ErrClosed) && (!known || position < a.tracking.Position || a.restore > 0 && position == a.tracking.Position) {
		r.Errorf("append %s is refused with %v, and the source is at %d, %v", a.id, a.err, position, err)
	}
}

// follow reads a subscription in messages of random size until the store closes.
func (r *hostileRun) follow(tag string, chance *rand.Rand) {
	cursor, err := r.store.OpenSubscription(&record.SubscribeRequest{Query: tagged(tag), BatchSize: uint32(1 + chance.IntN(5))})
	var stream []dcb.SequencedEvent
	for err == nil {
		if err = cursor.Wait(context.Background()); err != nil {
			break
		}
		size := 1 + chance.IntN(2000)
		var message []byte
		message, err = cursor.Next(context.Background(), nil, size)
		if small := (*record.MessageTooSmallError)(nil); errors.As(err, &small) {
			if small.Need <= size {
				r.Errorf("a message of %d bytes is too small for %d", size, small.Need)
			}
			message, err = cursor.Next(context.Background(), nil, small.Need)
		}
		events, _, decodeErr := record.DecodeResponse(message)
		if decodeErr != nil {
			r.Error(decodeErr)
		}
		stream = append(stream, events...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams[tag] = stream
}

// checkResults compares the results with the log. Those after the first certain ones were
// returned after the power was cut.
func (r *hostileRun) checkResults(certain int) {
	log, head, err := r.store.Read(context.Background(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || head != uint64(len(log)) {
		r.Fatalf("the log has %d events, and the head is %d: %v", len(log), head, err)
	}
	found := map[string]int{} // index of the first event
	counts := map[string]int{}
	for i := range log {
		if log[i].Position != uint64(i+1) {
			r.Fatalf("event %d has position %d", i+1, log[i].Position)
		}
		id, _, _ := strings.Cut(string(log[i].Event.Data), " ")
		if counts[id] == 0 {
			found[id] = i
		}
		counts[id]++
	}
	accepted := 0
	least, most := map[string]uint64{}, map[string]uint64{} // position of each source
	for i := range r.attempts {
		a := &r.attempts[i]
		first, n := found[a.id], counts[a.id]
		ok := a.err == nil && i < certain
		known := ok || i < certain && (!errors.Is(a.err, dcb.ErrIO) || strings.Contains(a.err.Error(), "not written"))
		switch {
		case ok && n != len(a.events), n != 0 && n != len(a.events), !ok && known && n != 0:
			r.Errorf("append %s with the result %d, %v has %d events of %d in the log", a.id, a.position, a.err, n, len(a.events))
		case a.err == nil && n > 0 && a.position != uint64(first+n):
			r.Errorf("append %s has the result %d, and its last event is at %d", a.id, a.position, first+n)
		}
		if c := a.condition; c != nil {
			r.checkCondition(log, a, first, n, i < certain)
		}
		if ok {
			accepted++
		}
		if a.tracking != nil && ok {
			least[a.tracking.Source] = max(least[a.tracking.Source], a.tracking.Position)
		}
		if a.tracking != nil && (ok || !known) {
			most[a.tracking.Source] = max(most[a.tracking.Source], a.tracking.Position)
		}
	}
	for source := range most {
		position, _, err := r.store.GetTrackingInfo(context.Background(), source)
		if err != nil || position < least[source] || position > most[source] {
			r.Errorf("source %s is at %d, want %d to %d: %v", source, position, least[source], most[source], err)
		}
	}
	r.checkReads(log)
	for tag, stream := range r.streams {
		want := slices.DeleteFunc(slices.Clone(log), func(e dcb.SequencedEvent) bool { return e.Event.Tags[0] != tag })
		if certain < len(r.attempts) {
			stream = stream[:min(len(stream), len(want))]
		}
		if len(stream) > len(want) || !slices.EqualFunc(stream, want[:len(stream)], func(a, b dcb.SequencedEvent) bool { return a.Position == b.Position }) {
			r.Errorf("the subscription to %s has %d events, which are not the first of %d", tag, len(stream), len(want))
		}
	}
	r.Logf("seed %d: %d appends, %d accepted, %d events, sources %v", r.seed, len(r.attempts), accepted, len(log), slices.Sorted(maps.Keys(most)))
}

func (r *hostileRun) checkCondition(log []dcb.SequencedEvent, a *attempt, first, n int, certain bool) {
	matches := func(e *dcb.SequencedEvent) bool {
		return a.condition.FailIfEventsMatch.Matches(e.Event.Type, e.Event.Tags)
	}
	for i := int(a.condition.After); n > 0 && i < first; i++ {
		if matches(&log[i]) {
			r.Errorf("append %s at %d was accepted, though position %d matches after %d", a.id, first+1, i+1, a.condition.After)
		}
	}
	var refused *dcb.Error
	if certain && errors.As(a.err, &refused) && refused.ConflictPosition != 0 {
		at := refused.ConflictPosition
		if at > uint64(len(log)) || at <= a.condition.After || !matches(&log[at-1]) {
			r.Errorf("append %s conflicts with position %d, which does not match after %d", a.id, at, a.condition.After)
		}
	}
}

var hostileSeeds = flag.Uint64("seeds", 24, "number of runs of TestCallersGetTrueResultsWhileTheCommitterMisbehaves")

// Whatever the committer and the disk do, each caller gets one true result, no caller waits
// forever, and the log and the index agree.
func TestCallersGetTrueResultsWhileTheCommitterMisbehaves(t *testing.T) {
	for seed := range *hostileSeeds {
		synctest.Test(t, func(t *testing.T) { runHostile(t, seed) })
	}
}

func runHostile(t *testing.T, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, 1<<32))
	r := &hostileRun{T: t, seed: seed, streams: map[string][]dcb.SequencedEvent{}}
	disk := vfs.NewMem()
	r.options = Options{
		FS:           vfs.Observe(disk, r.before),
		SegmentBytes: int64(chance.IntN(4))*40_000 + 8_000,
		BlockEvents:  5 + chance.IntN(200),
		Logger:       slog.New(slog.DiscardHandler),
	}
	r.open()
	r.store.pipeline.committer = &hostileCommitter{
		committer: r.store.pipeline.committer,
		chance:    rand.New(rand.NewPCG(seed, 2<<32)),
		loses:     []int{0, 0, 10, 40}[seed%4],
		fails:     []int{0, 5}[seed/4%2],
	}
	faulty := seed%3 == 2
	if r.shaky.Store(faulty); faulty {
		r.broken.Store(int64(chance.IntN(300)))
	}
	var calls sync.WaitGroup
	for caller := range 12 {
		calls.Go(func() { r.call(caller) })
	}
	for reader := range 2 {
		calls.Go(func() { r.read(rand.New(rand.NewPCG(seed, uint64(reader+200)))) })
	}
	for tag := range hostileTags {
		calls.Go(func() { r.follow(fmt.Sprint(tag), rand.New(rand.NewPCG(seed, uint64(tag+100)))) })
	}
	for range 10 {
		time.Sleep(time.Duration(chance.IntN(20)) * time.Millisecond)
		r.full.Store(chance.IntN(3) == 0)
	}
	r.full.Store(false)
	var image *vfs.Mem // of the disk after the power is cut
	var certain int
	if seed%5 > 2 {
		r.mu.Lock()
		certain = len(r.attempts)
		r.mu.Unlock()
		image = disk.Crash(chance)
		time.Sleep(time.Duration(chance.IntN(2)) * time.Millisecond)
	}
	closeErr := r.store.Close()
	calls.Wait()
	if closeErr != nil && !faulty {
		t.Errorf("seed %d: closing: %v", seed, closeErr)
	}
	if image == nil {
		certain = len(r.attempts)
	} else {
		r.options.FS = image
		r.open()
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	}
	r.broken.Store(0)
	r.shaky.Store(false)
	report, err := Check(context.Background(), "/store", &CheckOptions{Options: r.options})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("seed %d: the check finds %+v, %v", seed, report, err)
	}
	r.open()
	defer r.store.Close()
	r.checkResults(certain)
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}
