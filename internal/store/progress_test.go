package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/storetest"
	"github.com/umadb-go/umadb/internal/vfs"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// typed returns a query for the events of a type.
func typed(name string) dcb.Query { return dcb.Query{Items: []dcb.QueryItem{{Types: []string{name}}}} }

// mustAppendTypes appends events of some types, together.
func mustAppendTypes(t *testing.T, s *store.Store, types ...string) {
	t.Helper()
	var events []dcb.Event
	for _, name := range types {
		events = append(events, dcb.Event{Type: name, Tags: []string{"all"}})
	}
	if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// following is a subscription in a goroutine.
type following struct {
	*storetest.Followed
	read int // number of reports that were compared
}

// follow starts a subscription that ends with the test.
func follow(t *testing.T, s *store.Store, query dcb.Query, after uint64) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := new(following)
	started := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		_, err := storetest.Follow(ctx, s, query, after, func(now *storetest.Followed) bool {
			if f.Followed == nil {
				f.Followed = now
				close(started)
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	<-started
	synctest.Wait()
	return f
}

// wants compares the reports since the last call.
func (f *following) wants(t *testing.T, want ...dcb.Progress) {
	t.Helper()
	synctest.Wait()
	var got []dcb.Progress
	for _, r := range f.Reports[f.read:] {
		got = append(got, r.Progress)
	}
	f.read = len(f.Reports)
	if !slices.Equal(got, want) {
		t.Errorf("reports %v, want %v", got, want)
	}
}

// A subscription reports when it has caught up, once, and every five seconds if there were events
// that do not match.
func TestProgressOfSubscription(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		t.Run(fmt.Sprint("read-only ", readOnly), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := vfs.NewMem()
				s, err := store.Open(crashDir, smallOptions(disk))
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				follows, latency := s, time.Duration(0)
				if readOnly {
					options := smallOptions(disk)
					options.ReadOnly = true
					if follows, err = store.Open(crashDir, options); err != nil {
						t.Fatal(err)
					}
					defer follows.Close()
					latency = 100 * time.Millisecond // of the announcement and of a look
				}
				f := follow(t, follows, typed("a"), 0)
				f.wants(t, dcb.Progress{})
				time.Sleep(time.Minute)
				f.wants(t) // nothing has moved

				mustAppendTypes(t, s, "b", "b")
				mustAppendTypes(t, s, "b")
				time.Sleep(5*time.Second + latency)
				f.wants(t, dcb.Progress{Checked: 3, Head: 3})
				time.Sleep(time.Minute)
				f.wants(t)

				mustAppendTypes(t, s, "a", "b")
				time.Sleep(latency)
				f.wants(t, dcb.Progress{Checked: 5, Head: 5})
				for range 20 {
					mustAppendTypes(t, s, "b")
					time.Sleep(time.Second)
				}
				synctest.Wait()
				if n := len(f.Reports) - f.read; n < 3 || n > 4 {
					t.Errorf("%d reports in 20 s: %v", n, f.Reports[f.read:])
				}
				time.Sleep(5*time.Second + latency)
				synctest.Wait()
				if last := f.Reports[len(f.Reports)-1].Progress; last != (dcb.Progress{Checked: 25, Head: 25}) {
					t.Errorf("at the end %v is reported", last)
				}
				f.Check(t, []uint64{4})
				if n := f.CaughtUp(); n != 1 {
					t.Errorf("it has caught up %d times", n)
				}
			})
		})
	}
}

// A subscription to events of the past reports after each batch, and at the head although the last
// events do not match.
func TestProgressWhileCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.OpenMemory()
		defer s.Close()
		for range 300 {
			mustAppendTypes(t, s, "a", "a", "a", "a", "a", "a", "a", "a", "a", "b")
		}
		const batch = record.DefaultBatchSize
		f := follow(t, s, typed("a"), 0)
		f.wants(t, dcb.Progress{Checked: batch + batch/9, Head: 3000}, dcb.Progress{Checked: 2*batch + 2*batch/9, Head: 3000}, dcb.Progress{Checked: 3000, Head: 3000})
		follow(t, s, typed("b"), 2990).wants(t, dcb.Progress{Checked: 3000, Head: 3000})
		follow(t, s, typed("a"), 2999).wants(t, dcb.Progress{Checked: 3000, Head: 3000})
		follow(t, s, typed("a"), 3000).wants(t, dcb.Progress{Checked: 3000, Head: 3000})
		follow(t, s, typed("none"), 0).wants(t, dcb.Progress{Checked: 3000, Head: 3000})
		follow(t, s, dcb.Query{}, 3000).wants(t, dcb.Progress{Checked: 3000, Head: 3000})
	})
}

// A handler that is slower than appends lags, and catches up when they end. Each time that counts once.
func TestSlowSubscriptionCatchesUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.OpenMemory()
		defer s.Close()
		mustAppendTypes(t, s, "a")
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var f *storetest.Followed
		running.Go(func() {
			f, _ = storetest.Follow(ctx, s, typed("a"), 0, func(now *storetest.Followed) bool {
				time.Sleep(time.Second)
				return true
			})
		})
		for range 3 {
			time.Sleep(time.Minute)
			mustAppendTypes(t, s, slices.Repeat([]string{"a"}, record.DefaultBatchSize+10)...) // two messages
			time.Sleep(2 * time.Hour)
		}
		cancel()
		running.Wait()
		matching, err := storetest.Matching(t.Context(), s, typed("a"))
		if err != nil {
			t.Fatal(err)
		}
		f.Check(t, matching)
		if n := f.CaughtUp(); n != 4 || len(f.Events) != len(matching) {
			t.Errorf("%d of %d events; it has caught up %d times: %v", len(f.Events), len(matching), n, f.Reports)
		}
	})
}

// Whatever is appended, a report never covers an event that was not delivered.
func TestProgressNeverPassesEvents(t *testing.T) {
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := store.OpenMemory()
		mustAppendTypes(t, s, slices.Repeat([]string{"a", "b", "a"}, 1000)...) // more than a message
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		queries := []dcb.Query{{}, typed("a"), typed("c"), typed("none"), {Items: []dcb.QueryItem{{Tags: []string{"x"}}}}, {Items: []dcb.QueryItem{{Tags: []string{"x", "y"}}}}, {Items: []dcb.QueryItem{{Types: []string{"b"}, Tags: []string{"y"}}, {Types: []string{"c"}}}}}
		followed := make([]*storetest.Followed, 3*len(queries))
		var reported sync.WaitGroup
		reported.Add(len(followed))
		for i := range followed {
			after, slow := uint64(random.IntN(3)*30), random.IntN(2) == 0
			running.Go(func() {
				first := sync.OnceFunc(reported.Done)
				defer first()
				var err error
				followed[i], err = storetest.Follow(ctx, s, queries[i%len(queries)], after, func(f *storetest.Followed) bool {
					if len(f.Reports) > 0 {
						first()
					}
					if slow && len(f.Events)%20 == 0 {
						time.Sleep(50 * time.Microsecond)
					}
					return true
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		for range 200 {
			var events []dcb.Event
			for range 1 + random.IntN(4) {
				var tags []string
				for _, tag := range []string{"x", "y", "z"} {
					if random.IntN(2) == 0 {
						tags = append(tags, tag)
					}
				}
				events = append(events, dcb.Event{Type: string("aaab"[random.IntN(4)]), Tags: tags})
			}
			if random.IntN(50) == 0 {
				events[0].Type = "c"
			}
			if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		reported.Wait()
		cancel()
		running.Wait()
		reports := 0
		for i, f := range followed {
			matching, err := storetest.Matching(t.Context(), s, queries[i%len(queries)])
			if err != nil {
				t.Fatal(err)
			}
			f.Check(t, matching)
			reports += len(f.Reports)
		}
		s.Close()
		if reports < len(followed) {
			t.Errorf("only %d reports", reports)
		}
	}
}

// Without the request for progress, messages are those that clients know, and no message is empty.
func TestMessagesWithoutProgress(t *testing.T) {
	s := store.OpenMemory()
	defer s.Close()
	for range 500 {
		mustAppendTypes(t, s, "a", "b", "b", "b", "b")
	}
	messages := func(query dcb.Query, space int, with, reads bool) (messages [][]byte) {
		t.Helper()
		c, err := s.OpenSubscription(&record.SubscribeRequest{Query: query, Progress: with, BatchSize: 100})
		if reads {
			c, err = s.OpenRead(t.Context(), &record.ReadRequest{Query: query, Progress: with, Subscribe: true, BatchSize: 100})
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for c.Progress().Checked < 2500 {
			message, err := c.Next(t.Context(), nil, space)
			if err != nil {
				t.Fatal(err)
			}
			if len(message) > space {
				t.Errorf("%d bytes in a message of %d", len(message), space)
			}
			messages = append(messages, message)
		}
		return messages
	}
	for _, query := range []dcb.Query{{}, typed("a"), typed("none")} {
		for _, space := range []int{1 << 20, 1000} {
			for _, reads := range []bool{false, true} {
				var without, with umadbv1.SubscribeResponse
				for _, message := range messages(query, space, false, reads) {
					if _, found, err := record.DecodeProgress(message); found || err != nil {
						t.Errorf("progress was sent, %v", err)
					}
					mustMerge(t, &without, message)
				}
				for _, message := range messages(query, space, true, reads) {
					if p, found, err := record.DecodeProgress(message); !found || err != nil || p.Head != 2500 {
						t.Errorf("progress %v, %v, %v", p, found, err)
					}
					mustMerge(t, &with, message)
				}
				with.Checked, with.Head = nil, nil
				if !proto.Equal(&without, &with) {
					t.Error("the messages differ in more than the progress")
				}
			}
		}
	}
	read := func(with bool) []byte {
		c, err := s.OpenRead(t.Context(), &record.ReadRequest{Query: typed("a"), Progress: with})
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for err == nil {
			all, err = c.Next(t.Context(), all, 1<<20)
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		return all
	}
	if !bytes.Equal(read(true), read(false)) {
		t.Error("a read that does not subscribe has other messages if it asks for progress")
	}
}

// mustMerge adds the fields of an encoded message.
func mustMerge(t *testing.T, to proto.Message, message []byte) {
	t.Helper()
	if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(message, to); err != nil {
		t.Fatal(err)
	}
}
