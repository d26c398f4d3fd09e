package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	umadb "github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
)

// eventsPerAppend is the number of events in an append. Every tenth append has
// tracking, and there are some tracking-only records.
const eventsPerAppend = 1000

// fill creates a store of typical events: three tags, one of them unique, a UUID,
// metadata, and about 200 bytes of JSON.
func fill(dir string, events int) error {
	store, err := umadb.Open(dir, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx := context.Background()
	random := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < events; n += eventsPerAppend {
		request := make([]dcb.Event, min(eventsPerAppend, events-n))
		for i := range request {
			request[i] = event(n+i, random)
		}
		round := uint64(n/eventsPerAppend + 1)
		var tracking *dcb.TrackingInfo
		if round%10 == 0 {
			tracking = &dcb.TrackingInfo{Source: "upstream", Position: round}
		}
		if _, err := store.Append(ctx, request, nil, tracking); err != nil {
			return err
		}
		if round%100 == 0 {
			if _, err := store.Append(ctx, nil, nil, &dcb.TrackingInfo{Source: "heartbeat", Position: round}); err != nil {
				return err
			}
		}
	}
	return store.Close()
}

func event(n int, random *rand.Rand) dcb.Event {
	id := random.Uint64()
	return dcb.Event{
		Type: fmt.Sprintf("EventOfType%02d", n%20),
		Tags: []string{fmt.Sprintf("order:%012d", n), fmt.Sprintf("customer:%08d", n/10), fmt.Sprintf("region:%d", n%7)},
		UUID: fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", n, id>>48, id>>36&0xfff, id>>24&0xfff, n),
		Metadata: []dcb.Metadata{
			{Key: "correlation_id", Value: fmt.Sprintf("%016x", id)},
			{Key: "user", Value: fmt.Sprintf("user-%d", n%1000)},
		},
		Data: fmt.Appendf(nil, `{"order":%d,"customer":%d,"sku":"SKU-%08x","quantity":%d,"price":{"amount":"%d.%02d","currency":"EUR"},"address":{"street":"%x Long Street","city":"Some Town"},"note":"%032x"}`,
			n, n/10, uint32(id), 1+id%9, id%500, id%100, uint16(id>>20), id),
	}
}
