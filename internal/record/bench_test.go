package record_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// benchEvents returns events of 150 bytes of data and two tags.
func benchEvents(n int) []dcb.Event {
	events := make([]dcb.Event, n)
	for i := range events {
		events[i] = dcb.Event{
			Type: fmt.Sprintf("EventOfType%d", i%10),
			Tags: []string{fmt.Sprintf("order:%012d", i), fmt.Sprintf("customer:%010d", i%2000)},
			Data: make([]byte, 150),
			UUID: fmt.Sprintf("00000000-0000-0000-0000-%012d", i),
		}
	}
	return events
}

func BenchmarkParseAppend(b *testing.B) {
	limits := dcb.Limits{}.WithDefaults()
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("events=%d/tags=2", n), func(b *testing.B) {
			request := record.EncodeAppend(benchEvents(n), nil, nil)
			b.ReportAllocs()
			b.SetBytes(int64(len(request)))
			for b.Loop() {
				if _, err := record.ParseAppend(request, &limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseRead(b *testing.B) {
	limits := dcb.Limits{}.WithDefaults()
	query := dcb.Query{Items: []dcb.QueryItem{
		{Types: []string{"OrderPlaced", "OrderPaid"}, Tags: []string{"order:000000000042"}},
		{Tags: []string{"customer:0000000007"}},
	}}
	request := record.EncodeRead(&record.ReadRequest{Query: query})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.ParseRead(request, &limits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeAppend(b *testing.B) {
	events := benchEvents(1000)
	b.ReportAllocs()
	for b.Loop() {
		record.EncodeAppend(events, nil, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}
