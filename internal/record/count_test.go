package record_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestCountRequestIsThatOfGeneratedCode(t *testing.T) {
	for _, r := range []*record.CountRequest{
		{Bounds: []uint64{0, math.MaxUint64}},
		{Bounds: []uint64{3, 3, 300}, Query: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"A"}, Tags: []string{"x", ""}}}}},
		{Bounds: make([]uint64, dcb.MaxCountBounds)},
	} {
		generated := new(umadbv1.CountRequest)
		if err := proto.Unmarshal(record.EncodeCount(r), generated); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(generated.GetBounds(), r.Bounds) || !reflect.DeepEqual(toQuery(generated.Query), r.Query) {
			t.Errorf("%+v is encoded as %v", r, generated)
		}
		if parsed, err := record.ParseCount(marshal(t, generated), limits); err != nil || !reflect.DeepEqual(parsed, r) {
			t.Errorf("%+v is parsed as %+v, %v", r, parsed, err)
		}
	}
	var separate []byte // as by an encoder that does not pack numbers
	for _, bound := range []uint64{1, 200} {
		separate = protowire.AppendVarint(protowire.AppendTag(separate, 2, protowire.VarintType), bound)
	}
	if parsed, err := record.ParseCount(separate, limits); err != nil || !slices.Equal(parsed.Bounds, []uint64{1, 200}) {
		t.Errorf("bounds that are not packed are parsed as %+v, %v", parsed, err)
	}
}

func TestInvalidCountRequest(t *testing.T) {
	for name, c := range map[string]struct {
		request *umadbv1.CountRequest
		why     string
	}{
		"nothing":         {&umadbv1.CountRequest{}, "between two or more"},
		"one bound":       {&umadbv1.CountRequest{Bounds: []uint64{1}}, "between two or more"},
		"descending":      {&umadbv1.CountRequest{Bounds: []uint64{1, 2, 1}}, "bound 2 is 2, and bound 3 is 1"},
		"too many bounds": {&umadbv1.CountRequest{Bounds: make([]uint64, dcb.MaxCountBounds+1)}, "more than 1001 bounds"},
		"too many types": {&umadbv1.CountRequest{Bounds: []uint64{0, 1}, Query: &umadbv1.Query{
			Items: []*umadbv1.QueryItem{{Types: make([]string, limits.QueryTerms+1)}},
		}}, "limit"},
	} {
		if _, err := record.ParseCount(marshal(t, c.request), limits); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, request := range []string{"\xff", "\x12\x01\xff", "\x0a\x01\x0a"} {
		if _, err := record.ParseCount([]byte(request), limits); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%q: %v", request, err)
		}
	}
}

func TestCountsAreThoseOfGeneratedCode(t *testing.T) {
	counts := []uint64{0, 1, 1 << 40}
	response := marshal(t, &umadbv1.CountResponse{Counts: counts})
	if decoded, err := record.DecodeCounts(response, 4); err != nil || !slices.Equal(decoded, counts) {
		t.Errorf("%v are decoded as %v, %v", counts, decoded, err)
	}
	for _, malformed := range []string{"", "\x0a\x01\xff", string(response[:len(response)-1])} {
		if decoded, err := record.DecodeCounts([]byte(malformed), 4); err == nil {
			t.Errorf("%q is decoded as %v", malformed, decoded)
		}
	}
}

// The cost of a request with many bounds includes them and the answer.
func TestCountCostIncludesBounds(t *testing.T) {
	bounds := make([]uint64, dcb.MaxCountBounds)
	for i := range bounds {
		bounds[i] = uint64(i)
	}
	if cost := record.CountCost(record.EncodeCount(&record.CountRequest{Bounds: bounds})); cost < 16*dcb.MaxCountBounds {
		t.Errorf("the cost is %d", cost)
	}
	if cost := record.CountCost(record.EncodeCount(&record.CountRequest{Bounds: bounds[:2]})); cost != 0 {
		t.Errorf("the cost of two bounds is %d", cost)
	}
}
