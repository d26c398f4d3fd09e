package record_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestTermsRequestIsThatOfGeneratedCode(t *testing.T) {
	for _, r := range []*record.TermsRequest{
		{Kind: record.TypeTerm},
		{Kind: record.TagTerm, Options: dcb.TermsOptions{Prefix: "x:", Limit: 7}},
		{Kind: record.TagTerm, Options: dcb.TermsOptions{Order: dcb.ByEvents, Limit: 1000}},
		{Kind: record.TagTerm, Options: dcb.TermsOptions{Prefix: strings.Repeat("x", 4096), Order: dcb.ByName, Limit: 1}},
		{Query: &dcb.Query{}},
		{Query: &dcb.Query{Items: []dcb.QueryItem{{Types: []string{"A"}, Tags: []string{"x", ""}}}}},
	} {
		encoded := record.EncodeTerms(r)
		generated := new(umadbv1.TermsRequest)
		if err := proto.Unmarshal(encoded, generated); err != nil {
			t.Fatal(err)
		}
		o := r.Options
		if int(generated.GetKind()) != int(r.Kind) || generated.GetPrefix() != o.Prefix || int(generated.GetOrder()) != int(o.Order) || generated.GetLimit() != o.Limit ||
			(generated.Query != nil) != (r.Query != nil) || r.Query != nil && !reflect.DeepEqual(toQuery(generated.Query), *r.Query) {
			t.Errorf("%+v is encoded as %v", r, generated)
		}
		if parsed, err := record.ParseTerms(marshal(t, generated), limits); err != nil || !reflect.DeepEqual(parsed, r) {
			t.Errorf("%+v is parsed as %+v, %v", r, parsed, err)
		}
	}
}

func TestInvalidTermsRequest(t *testing.T) {
	long := strings.Repeat("x", 4097)
	for name, r := range map[string]*umadbv1.TermsRequest{
		"nothing":                {},
		"unknown kind":           {Kind: 3},
		"order without limit":    {Kind: umadbv1.Term_TAG, Order: umadbv1.TermsRequest_NAME},
		"limit of an order":      {Kind: umadbv1.Term_TAG, Order: umadbv1.TermsRequest_EVENTS, Limit: 1001},
		"unknown order":          {Kind: umadbv1.Term_TAG, Order: 3, Limit: 1},
		"order of 8 bits":        {Kind: umadbv1.Term_TAG, Order: 256, Limit: 1},
		"kind of 8 bits":         {Kind: 257},
		"long prefix":            {Kind: umadbv1.Term_TAG, Prefix: long},
		"query with a kind":      {Query: &umadbv1.Query{}, Kind: umadbv1.Term_TAG},
		"query with a prefix":    {Query: &umadbv1.Query{}, Prefix: "x"},
		"query with a limit":     {Query: &umadbv1.Query{}, Limit: 1},
		"query that is too long": {Query: &umadbv1.Query{Items: make([]*umadbv1.QueryItem, limits.QueryTerms+1)}},
	} {
		for i := range r.GetQuery().GetItems() {
			r.Query.Items[i] = new(umadbv1.QueryItem)
		}
		if _, err := record.ParseTerms(marshal(t, r), limits); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, request := range []string{"\x1a\x01\xff\x10\x01", "\xff"} { // a prefix that is not UTF-8, and garbage
		if _, err := record.ParseTerms([]byte(request), limits); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%q: %v", request, err)
		}
	}
}

func TestTermsResponseIsThatOfGeneratedCode(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var response []byte
		want := new(umadbv1.TermsResponse)
		term := rapid.Custom(func(t *rapid.T) record.Term {
			return record.Term{
				Kind:      rapid.SampledFrom([]record.TermKind{record.TypeTerm, record.TagTerm}).Draw(t, "kind"),
				TermCount: dcb.TermCount{Name: rapid.String().Draw(t, "name"), Events: rapid.Uint64().Draw(t, "events")},
			}
		})
		terms := rapid.SliceOf(term).Draw(rt, "terms")
		for i := range terms {
			before := len(response)
			if response = record.AppendTerm(response, &terms[i]); len(response)-before != record.SizeOfTerm(&terms[i]) {
				rt.Fatalf("%v has %d bytes, not %d", terms[i], len(response)-before, record.SizeOfTerm(&terms[i]))
			}
			want.Terms = append(want.Terms, &umadbv1.Term{Kind: umadbv1.Term_Kind(terms[i].Kind), Name: terms[i].Name, Events: terms[i].Events})
		}
		distinct := rapid.Uint64Range(1, 1<<64-1).Draw(rt, "distinct")
		response, want.Distinct = record.AppendDistinct(response, distinct), &distinct
		generated := new(umadbv1.TermsResponse)
		if err := proto.Unmarshal(response, generated); err != nil || !proto.Equal(generated, want) {
			rt.Fatalf("the response is decoded as %v, %v", generated, err)
		}
		decoded, number, err := record.DecodeTerms(response)
		if err != nil || number != distinct || !slices.Equal(decoded, terms) {
			rt.Fatalf("the response is decoded as %v of %d, %v", decoded, number, err)
		}
	})
}
