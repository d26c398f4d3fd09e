package store

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

// delivery is a subscription with the positions that it has received.
type delivery struct {
	query    dcb.Query
	after    uint64
	received []uint64
}

func (d *delivery) run(ctx context.Context, t *testing.T, s *Store, chance *rand.Rand) {
	cursor, err := s.OpenSubscription(&record.SubscribeRequest{Query: d.query, After: d.after, BatchSize: uint32(1 + chance.IntN(20))})
	for err == nil {
		if err = cursor.Wait(ctx); err != nil {
			return
		}
		time.Sleep(time.Duration(chance.IntN(3)) * time.Millisecond) // more is published meanwhile
		var message []byte
		if message, err = cursor.Next(ctx, nil, 1<<20); err == nil {
			var events []dcb.SequencedEvent
			events, _, err = record.DecodeResponse(message)
			for _, event := range events {
				d.received = append(d.received, event.Position)
			}
		}
	}
	t.Error(err)
}

// When no append is in progress, each subscription has received all of its events: none
// waits for a wake that was lost.
func TestSubscriptionsReceiveEverythingThatIsPublished(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 0))
			s, err := Open("/store", &Options{FS: vfs.NewMem(), BlockEvents: 5 + chance.IntN(100), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.pipeline.committer = &hostileCommitter{committer: s.pipeline.committer, chance: rand.New(rand.NewPCG(seed, 1)), loses: int(seed%3) * 15}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			item := func() dcb.QueryItem {
				return dcb.QueryItem{Types: []string{"t", "u"}[:chance.IntN(3)], Tags: []string{fmt.Sprint(chance.IntN(4)), "all"}[:chance.IntN(3)]}
			}
			var deliveries []*delivery
			var following, appending sync.WaitGroup
			for range 12 {
				d := &delivery{query: dcb.Query{Items: []dcb.QueryItem{item(), item()}[:chance.IntN(3)]}, after: uint64(chance.IntN(20))}
				deliveries = append(deliveries, d)
				own := rand.New(rand.NewPCG(chance.Uint64(), 0))
				following.Go(func() { d.run(ctx, t, s, own) })
			}
			for range 6 {
				own := rand.New(rand.NewPCG(chance.Uint64(), 0))
				appending.Go(func() {
					for range 1 + own.IntN(30) {
						event := dcb.Event{Type: []string{"t", "u", "v"}[own.IntN(3)], Tags: []string{"all", fmt.Sprint(own.IntN(4))}}
						if _, err := s.Append(t.Context(), []dcb.Event{event}, nil, nil); err != nil {
							t.Error(err)
						}
						time.Sleep(time.Duration(own.IntN(4)) * time.Millisecond)
					}
				})
			}
			appending.Wait()
			time.Sleep(time.Second)
			synctest.Wait()
			log, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range deliveries {
				var want []uint64
				for _, e := range log {
					if e.Position > d.after && d.query.Matches(e.Event.Type, e.Event.Tags) {
						want = append(want, e.Position)
					}
				}
				if !slices.Equal(d.received, want) {
					t.Errorf("seed %d: the subscription to %v after %d received %d, want %d", seed, d.query, d.after, d.received, want)
				}
			}
			MustHaveTimes(t, s)
			cancel()
			following.Wait()
		})
	}
}
