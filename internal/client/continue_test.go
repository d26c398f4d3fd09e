package client_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// readable is a server with events at the positions up to head, of which the odd ones match.
// Its reads break after some messages.
type readable struct {
	head     uint64
	batch    int
	messages int // before it breaks; negative for never
	code     codes.Code
}

// matching returns the positions that a read returns.
func (r *readable) matching(request *umadbv1.ReadRequest) []uint64 {
	var all []uint64
	for position := uint64(1); position <= r.head; position += 2 {
		all = append(all, position)
	}
	if request.GetBackwards() {
		slices.Reverse(all)
	}
	all = slices.DeleteFunc(all, func(position uint64) bool {
		if request.Start == nil {
			return false
		}
		return request.GetBackwards() && position > *request.Start || !request.GetBackwards() && position < *request.Start
	})
	if request.Limit != nil {
		all = all[:min(len(all), int(*request.Limit))]
	}
	return all
}

func (r *readable) read(request *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
	rest := r.matching(request)
	for sent := 0; sent == 0 || len(rest) > 0; sent++ {
		if sent == r.messages {
			return status.Error(r.code, "broken")
		}
		m := new(umadbv1.ReadResponse)
		for range min(r.batch, len(rest)) {
			m.Events = append(m.Events, sequenced(rest[0], 1)...)
			m.RecordedAt = append(m.RecordedAt, recordedAt(rest[0]).UnixNano())
			rest = rest[1:]
		}
		if request.Limit == nil {
			m.Head = &r.head
		} else if len(m.Events) > 0 {
			m.Head = &m.Events[len(m.Events)-1].Position
		}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	if r.messages > 0 {
		return status.Error(r.code, "broken at the end")
	}
	return nil
}

// collect returns the positions of the events of a read, and its heads.
func collect(t *testing.T, c *client.Client, options dcb.ReadOptions) (positions, heads []uint64, err error) {
	t.Helper()
	m := c.ReadMessages(t.Context(), record.EncodeRead(&record.ReadRequest{Options: options}))
	defer m.Close()
	for first := true; ; first = false {
		message, err := m.Next()
		if errors.Is(err, io.EOF) {
			return positions, heads, nil
		}
		if err != nil {
			return positions, heads, err
		}
		events, head, err := record.DecodeResponse(message)
		if err != nil || len(events) == 0 && !first {
			t.Errorf("a message has %d events (%v)", len(events), err)
		}
		for _, event := range events {
			if !event.RecordedAt.Equal(recordedAt(event.Position)) {
				t.Errorf("the event at %d was recorded at %v", event.Position, event.RecordedAt)
			}
			positions = append(positions, event.Position)
		}
		heads = append(heads, head)
	}
}

// A read whose stream breaks continues at another server, without a gap, an event twice, or an
// event after its snapshot.
func TestReadContinuesAtAnotherServer(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		first := &readable{head: 1 + random.Uint64N(20), batch: 1 + random.IntN(4), messages: 1 + random.IntN(4), code: transportCodes[1+random.IntN(len(transportCodes)-1)]}
		second := &readable{head: first.head + random.Uint64N(6), batch: 1 + random.IntN(4), messages: -1}
		if random.IntN(2) == 0 {
			second.messages, second.code = 1+random.IntN(3), codes.Unavailable
		}
		third := &readable{head: second.head + random.Uint64N(6), batch: 1 + random.IntN(4), messages: -1}
		var options dcb.ReadOptions
		if random.IntN(2) == 0 {
			options.Start = new(random.Uint64N(first.head + 2))
		}
		options.Backwards = random.IntN(2) == 0
		if random.IntN(2) == 0 {
			options.Limit = new(1 + random.Uint32N(12))
		}
		description := fmt.Sprintf("seed %d: %+v at %+v, %+v and %+v", seed, options, first, second, third)
		g := newGroup(3)
		servers := []*readable{first, second, third}
		called := 0
		for _, s := range g.servers {
			s.onRead = func(request *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
				called++
				return servers[min(called, 3)-1].read(request, stream)
			}
		}
		g.inBubble(t, func(t *testing.T, c *client.Client) {
			got, heads, err := collect(t, c, options)
			whole := &umadbv1.ReadRequest{Start: options.Start, Limit: options.Limit, Backwards: new(options.Backwards)}
			want := first.matching(whole)
			if options.Limit != nil && !options.Backwards && len(got) > len(want) {
				want = third.matching(whole)[:len(got)] // the snapshot of a read with a limit is not visible
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v (%v)", description, got, want, err)
			}
			for _, head := range heads {
				if options.Limit == nil && head != first.head {
					t.Errorf("%s: the heads are %v", description, heads)
				}
			}
		})
	}
}

// A server that does not have all events of a snapshot does not continue it.
func TestReadDoesNotContinueAtServerThatIsBehind(t *testing.T) {
	g := newGroup(3)
	servers := []*readable{{head: 9, batch: 2, messages: 1, code: codes.Unavailable}, {head: 8, batch: 2, messages: -1}, {head: 11, batch: 2, messages: -1}}
	called := 0
	for _, s := range g.servers {
		s.onRead = func(request *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			called++
			return servers[called-1].read(request, stream)
		}
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		if got, heads, err := collect(t, c, dcb.ReadOptions{}); err != nil || !slices.Equal(got, []uint64{1, 3, 5, 7, 9}) || !slices.Equal(heads, []uint64{9, 9, 9}) {
			t.Errorf("got %v with heads %v, %v", got, heads, err)
		}
		if called != 3 {
			t.Errorf("%d calls", called)
		}
	})
}

func TestStartedReadEndsWithRefusal(t *testing.T) {
	for _, code := range definiteCodes[:3] {
		g := newGroup(2)
		called := 0
		for _, s := range g.servers {
			s.onRead = func(request *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
				called++
				return (&readable{head: 9, batch: 2, messages: 1, code: code}).read(request, stream)
			}
		}
		g.inBubble(t, func(t *testing.T, c *client.Client) {
			if got, _, err := collect(t, c, dcb.ReadOptions{}); err == nil || len(got) != 2 || called != 1 {
				t.Errorf("%v: got %v, %v, in %d calls", code, got, err, called)
			}
		})
	}
}

func TestSubscriptionContinuesAtAnotherServer(t *testing.T) {
	g := newGroup(3)
	for i, s := range g.servers {
		s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
			g.note(i)
			if err := stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, 2)}); err != nil {
				return err
			}
			if i == 0 {
				return nil // it stops
			}
			return status.Error(codes.Internal, "broken")
		}
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		last, started := uint64(10), now()
		for event, err := range c.Subscribe(t.Context(), dcb.Query{}, last) {
			if err != nil || event.Position != last+1 {
				t.Fatalf("after position %d: event %d, %v", last, event.Position, err)
			}
			if last = event.Position; last == 16 {
				break
			}
		}
		if calls := g.called(); len(calls) != 3 || calls[0] == calls[1] || calls[1] == calls[2] || calls[0] == calls[2] {
			t.Errorf("it continued at %s", calls)
		}
		if now() != started {
			t.Error("there was a pause")
		}
	})
}

// A subscription whose streams all break is not opened again without a pause.
func TestSubscriptionThatBreaksEverywherePauses(t *testing.T) {
	g := newGroup(2)
	calls := 0
	for _, s := range g.servers {
		s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
			calls++
			if err := stream.SendHeader(nil); err != nil {
				return err
			}
			return errUnavailable
		}
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		started := now()
		var got error
		for _, err := range c.Subscribe(t.Context(), dcb.Query{}, 0) {
			got = err
		}
		if took := now().Sub(started); !errors.Is(got, dcb.ErrTransport) || took > client.ResumePatience || took < client.ResumePatience/2 || calls > 100 {
			t.Errorf("after %v and %d calls it ended with %v", took, calls, got)
		}
	})
}

// Restarts of servers, one after the other, are no reason to end a subscription, if no event comes
// in between either.
func TestQuietSubscriptionSurvivesRestarts(t *testing.T) {
	const restarts = 6
	g := newGroup(2)
	opened := 0
	for _, s := range g.servers {
		s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
			opened++
			if opened == 1 || opened > restarts {
				return stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, 1)})
			}
			if err := stream.SendHeader(nil); err != nil {
				return err
			}
			sleep(t, 2*client.ResumePatience)
			return nil // it stops
		}
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		for event, err := range c.Subscribe(t.Context(), dcb.Query{}, 0) {
			if err != nil {
				t.Fatalf("after %d streams: %v", opened, err)
			}
			if event.Position == 2 {
				break
			}
		}
	})
}

// The pauses are those of one server if there is only one.
func TestSubscriptionThatBreaksAfterEachEventPauses(t *testing.T) {
	g := newGroup(2)
	g.servers[0].onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
		if err := stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, 1)}); err != nil {
			return err
		}
		return errUnavailable
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		g.stop(1)
		synctest.Wait()
		started := now()
		for event, err := range c.Subscribe(t.Context(), dcb.Query{}, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if event.Position == 11 {
				break
			}
		}
		if took := now().Sub(started); took < 10*client.FirstPause/2 {
			t.Errorf("10 breaks took %v", took)
		}
	})
}

// A read that continues does not wait for events after its snapshot.
func TestContinuedReadEndsAtItsSnapshot(t *testing.T) {
	g := newGroup(2)
	called := 0
	for _, s := range g.servers {
		s.onRead = func(request *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			if called++; called == 1 {
				return (&readable{head: 4, batch: 1, messages: 1, code: codes.Unavailable}).read(request, stream)
			}
			err := stream.Send(&umadbv1.ReadResponse{Events: sequenced(3, 4), RecordedAt: times(3, 4), Head: new(uint64(1000))})
			<-stream.Context().Done()
			return err
		}
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		started := now()
		got, heads, err := collect(t, c, dcb.ReadOptions{})
		if err != nil || !slices.Equal(got, []uint64{1, 3, 4}) || !slices.Equal(heads, []uint64{4, 4}) || now() != started {
			t.Errorf("after %v: got %v with heads %v, %v", now().Sub(started), got, heads, err)
		}
	})
}
