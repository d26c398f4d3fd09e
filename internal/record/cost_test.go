package record_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

func TestQueryCostIsAboutMemoryUse(t *testing.T) {
	limits := dcb.Limits{}.WithDefaults()
	for name, query := range map[string]dcb.Query{
		"many items":          queryOf(60_000, 1, ""),
		"many items of nine":  queryOf(7_000, 9, ""),
		"one item":            queryOf(1, 60_000, ""),
		"items without terms": queryOf(60_000, 0, ""),
		"long tags":           queryOf(100, 10, string(make([]byte, 2000))),
	} {
		request := record.EncodeRead(&record.ReadRequest{Query: query})
		cost := record.ReadQueryCost(request)
		if within := record.AppendQueryCost(record.EncodeAppend(nil, &dcb.AppendCondition{FailIfEventsMatch: query}, nil)); within != cost {
			t.Errorf("%s: the cost is %d, and %d in a condition", name, cost, within)
		}
		before := allocated()
		parsed, err := record.ParseRead(request, &limits)
		if err != nil {
			t.Fatal(err)
		}
		used := allocated() - before
		runtime.KeepAlive([]any{parsed, request, query})
		// The cost includes the compiled query.
		if used > cost || cost > 4*used {
			t.Errorf("%s: it uses %d bytes, and the cost is %d", name, used, cost)
		}
	}
}

func queryOf(items, tags int, text string) (query dcb.Query) {
	for i := range items {
		var item dcb.QueryItem
		for j := range tags {
			item.Tags = append(item.Tags, fmt.Sprint(i, j, text))
		}
		query.Items = append(query.Items, item)
	}
	return query
}

func allocated() int64 {
	runtime.GC()
	runtime.GC() // pools keep what they have for one more collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
