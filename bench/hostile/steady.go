package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	health "google.golang.org/grpc/health/grpc_health_v1"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

const (
	// steadyInterval is the time from one call of a kind to the next.
	steadyInterval = 50 * time.Millisecond
	steadyTag      = "steady"
	steadySource   = "steady"
)

// kinds are the calls that a steady client makes, each at fixed intervals
// independent of the results of earlier calls.
var kinds = []struct {
	name    string
	appends bool
	call    func(*steady, context.Context, int) error
}{
	{"append", true, (*steady).append},
	{"conditional append", true, (*steady).appendConditionally},
	{"read", false, (*steady).read},
	{"head", false, (*steady).head},
	{"tracking", false, (*steady).tracking},
	{"health", false, (*steady).checkHealth},
	{"new connection", false, (*steady).newConnection},
}

// steady is a client that makes calls at a constant rate during an attack.
type steady struct {
	*connection
	target       target
	callTimeout  time.Duration // of each call
	acknowledged atomic.Int64  // appends

	stop    context.CancelFunc
	tickers sync.WaitGroup // one for each kind
	calls   sync.WaitGroup

	mu      sync.Mutex
	records []record // guarded by mu
}

// record is one call that has ended.
type record struct {
	kind  int
	began time.Time
	took  time.Duration
	err   error
}

// startSteady makes the first append, which the other calls depend on, and starts
// the client.
func startSteady(ctx context.Context, t target, callTimeout time.Duration) (*steady, error) {
	conn, err := t.dial(t.Key)
	if err != nil {
		return nil, err
	}
	s := &steady{connection: conn, target: t, callTimeout: callTimeout}
	if err := s.append(ctx, 0); err != nil {
		return nil, fmt.Errorf("first append of the steady client: %w", err)
	}
	ctx, s.stop = context.WithCancel(ctx)
	for kind := range kinds {
		s.tickers.Go(func() { s.tick(ctx, kind) })
	}
	return s, nil
}

// tick makes the calls of one kind.
func (s *steady) tick(ctx context.Context, kind int) {
	// The kinds take turns within an interval.
	pause(ctx, steadyInterval*time.Duration(kind)/time.Duration(len(kinds)))
	ticker := time.NewTicker(steadyInterval)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.calls.Go(func() { s.make(kind, n) })
		}
	}
}

// make makes a call. The call continues after the client was stopped.
func (s *steady) make(kind, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), s.callTimeout)
	defer cancel()
	r := record{kind: kind, began: time.Now()}
	r.err = kinds[kind].call(s, ctx, n)
	r.took = time.Since(r.began)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
}

// finish stops the client, waits for its calls, and returns those that started
// after a time, ordered by duration.
func (s *steady) finish(after time.Time) []record {
	s.stop()
	s.tickers.Wait()
	s.calls.Wait()
	kept := slices.DeleteFunc(s.records, func(r record) bool { return r.began.Before(after) })
	slices.SortFunc(kept, func(a, b record) int { return int(a.took - b.took) })
	return kept
}

func steadyEvent(tags ...string) []*umadbv1.Event {
	return []*umadbv1.Event{{EventType: "Steady", Tags: append(tags, steadyTag), Data: make([]byte, 100)}}
}

func (s *steady) append(ctx context.Context, n int) error {
	request := &umadbv1.AppendRequest{
		Events:       steadyEvent(),
		TrackingInfo: &umadbv1.TrackingInfo{Source: steadySource, Position: uint64(n)},
	}
	if n > 0 { // appends may be reordered, so only the first has tracking
		request.TrackingInfo = nil
	}
	return s.commit(ctx, request)
}

func (s *steady) appendConditionally(ctx context.Context, n int) error {
	tag := fmt.Sprintf("steady-%d", n) // unique
	return s.commit(ctx, &umadbv1.AppendRequest{
		Events: steadyEvent(tag),
		Condition: &umadbv1.AppendCondition{
			FailIfEventsMatch: &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"Steady"}, Tags: []string{tag}}}},
		},
	})
}

func (s *steady) commit(ctx context.Context, request *umadbv1.AppendRequest) error {
	_, err := s.dcb.Append(ctx, request)
	if err == nil {
		s.acknowledged.Add(1)
	}
	return err
}

func (s *steady) read(ctx context.Context, _ int) error {
	backwards, limit := true, uint32(10)
	events, err := s.readTag(ctx, &umadbv1.ReadRequest{Backwards: &backwards, Limit: &limit})
	if err == nil && events == 0 {
		err = errors.New("read returned no events")
	}
	return err
}

// readTag reads the events of the steady client and returns their number.
func (s *steady) readTag(ctx context.Context, request *umadbv1.ReadRequest) (events int64, err error) {
	request.Query = &umadbv1.Query{Items: []*umadbv1.QueryItem{{Tags: []string{steadyTag}}}}
	stream, err := s.dcb.Read(ctx, request)
	if err != nil {
		return 0, err
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return 0, err
		}
		events += int64(len(response.GetEvents()))
	}
}

func (s *steady) head(ctx context.Context, _ int) error {
	_, err := s.dcb.Head(ctx, &umadbv1.HeadRequest{})
	return err
}

func (s *steady) tracking(ctx context.Context, _ int) error {
	_, err := s.dcb.GetTrackingInfo(ctx, &umadbv1.TrackingRequest{Source: steadySource})
	return err
}

func (s *steady) checkHealth(ctx context.Context, _ int) error {
	response, err := s.health.Check(ctx, &health.HealthCheckRequest{})
	if err == nil && response.GetStatus() != health.HealthCheckResponse_SERVING {
		err = fmt.Errorf("health is %s", response.GetStatus())
	}
	return err
}

// newConnection opens a connection for one call.
func (s *steady) newConnection(ctx context.Context, _ int) error {
	conn, err := s.target.dial(s.target.Key)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.dcb.Head(ctx, &umadbv1.HeadRequest{})
	return err
}

// lost returns the number of acknowledged appends that a read does not return.
func (s *steady) lost(ctx context.Context) (int64, error) {
	acknowledged := s.acknowledged.Load()
	found, err := s.readTag(ctx, &umadbv1.ReadRequest{})
	return max(acknowledged-found, 0), err
}
