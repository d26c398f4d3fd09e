package store_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
)

// benchStore returns a store with events that have two tags each.
func benchStore(b *testing.B, events int) *store.Store {
	b.Helper()
	s, err := store.Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	for n := 0; n < events; n += 1000 {
		if _, err := s.Commit(b.Context(), benchAppend(b, n, min(1000, events-n)), nil); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func benchAppend(b *testing.B, first, n int) *record.AppendRequest {
	b.Helper()
	events := make([]dcb.Event, n)
	for i := range events {
		// Events with the same tag are far apart, as in a busy store.
		id := first + i
		events[i] = dcb.Event{
			Type: fmt.Sprintf("EventOfType%d", id%10),
			Tags: []string{fmt.Sprintf("order:%012d", id), fmt.Sprintf("customer:%010d", id%20_000)},
			Data: make([]byte, 150),
			UUID: fmt.Sprintf("00000000-0000-0000-0000-%012d", id),
		}
	}
	limits := dcb.Limits{}.WithDefaults()
	request, err := record.NewAppend(events, nil, nil, &limits)
	if err != nil {
		b.Fatal(err)
	}
	return request
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("events=%d/tags=2", n), func(b *testing.B) {
			s := benchStore(b, 0)
			request := benchAppend(b, 0, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Commit(b.Context(), request, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}

func BenchmarkReadAll(b *testing.B) {
	const events = 200_000
	s := benchStore(b, events)
	b.ReportAllocs()
	for b.Loop() {
		drain(b, s, &record.ReadRequest{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}

func BenchmarkReadAllWithTimes(b *testing.B) {
	const events = 200_000
	s := benchStore(b, events)
	b.ReportAllocs()
	for b.Loop() {
		drain(b, s, &record.ReadRequest{RecordedAt: true})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}

func BenchmarkReadByTagWithTimes(b *testing.B) {
	const events = 200_000
	s := benchStore(b, events)
	chance := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		tag := fmt.Sprintf("customer:%010d", chance.IntN(events/10))
		drain(b, s, &record.ReadRequest{RecordedAt: true, Query: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag}}}}})
	}
}

func BenchmarkReadByTag(b *testing.B) {
	const events = 200_000
	s := benchStore(b, events)
	chance := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		tag := fmt.Sprintf("customer:%010d", chance.IntN(events/10))
		drain(b, s, &record.ReadRequest{Query: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{tag}}}}})
	}
}

// scratch is the buffer that every message is read into.
var scratch = make([]byte, 0, 320<<10)

// drain reads all events.
func drain(b *testing.B, s *store.Store, request *record.ReadRequest) {
	cursor, err := s.OpenRead(b.Context(), request)
	if err != nil {
		b.Fatal(err)
	}
	for err == nil {
		_, err = cursor.Next(b.Context(), scratch, cap(scratch))
	}
	if err != io.EOF {
		b.Fatal(err)
	}
}
