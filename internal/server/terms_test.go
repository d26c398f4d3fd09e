package server_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// listTerms returns the terms in the answer to a request.
func listTerms(ctx context.Context, client umadbv1.DCBClient, request *umadbv1.TermsRequest, options ...grpc.CallOption) (terms []*umadbv1.Term, err error) {
	stream, err := client.Terms(ctx, request, options...)
	for err == nil {
		var response *umadbv1.TermsResponse
		response, err = stream.Recv()
		terms = append(terms, response.GetTerms()...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return terms, err
}

func TestTermsAreThoseOfTheStore(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	long := strings.Repeat("long", 200<<10) // more than a large message
	query := &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"A"}, Tags: []string{"x:1", long}}, {Types: []string{"B"}}}}
	have, err := listTerms(within(t, patience), r.client(t), &umadbv1.TermsRequest{Query: query})
	if err != nil {
		t.Fatal(err)
	}
	want := []*umadbv1.Term{
		{Kind: umadbv1.Term_TYPE, Name: "A", Events: 1},
		{Kind: umadbv1.Term_TAG, Name: "x:1", Events: 3},
		{Kind: umadbv1.Term_TAG, Name: long, Events: uint64(len(long))},
		{Kind: umadbv1.Term_TYPE, Name: "B", Events: 1},
	}
	if !slices.EqualFunc(have, want, func(a, b *umadbv1.Term) bool { return proto.Equal(a, b) }) {
		t.Errorf("%d terms of the query are returned, want %d", len(have), len(want))
	}
	if have, err = listTerms(within(t, patience), r.client(t), &umadbv1.TermsRequest{Kind: umadbv1.Term_TAG, Prefix: "p:"}); err != nil || len(have) != 1 || have[0].Name != "p:" {
		t.Errorf("the terms are %v, %v", have, err)
	}
	_, err = listTerms(within(t, patience), r.client(t), &umadbv1.TermsRequest{Prefix: "p:"})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a request for no kind: %v", err)
	}
}

// A key that is limited to some events must not learn of others.
func TestScopeOfTerms(t *testing.T) {
	typed := server.Key{Name: "typed", Rights: read, Types: []string{"A", "B"}}
	tagged := server.Key{Name: "tagged", Rights: read, TagPrefixes: []string{"t:1:", "t:22:"}}
	both := server.Key{Name: "both", Rights: read, Types: typed.Types, TagPrefixes: tagged.TagPrefixes}
	list := func(kind record.TermKind, prefix string) *record.TermsRequest {
		return &record.TermsRequest{Kind: kind, Options: dcb.TermsOptions{Prefix: prefix}}
	}
	count := func(items ...dcb.QueryItem) *record.TermsRequest {
		return &record.TermsRequest{Query: &dcb.Query{Items: items}}
	}
	for name, c := range map[string]struct {
		request           *record.TermsRequest
		ofTyped, ofTagged string // why it is refused; empty if it is permitted
	}{
		"types":                   {list(record.TypeTerm, ""), "cannot list types", "cannot count the events of types"},
		"a permitted type":        {list(record.TypeTerm, "A"), "cannot list types", "cannot count the events of types"},
		"tags":                    {list(record.TagTerm, ""), "cannot count the events of tags", "only list tags that start"},
		"tags with a prefix":      {list(record.TagTerm, "t:1:"), "cannot count the events of tags", ""},
		"tags with a longer one":  {list(record.TagTerm, "t:22:x"), "cannot count the events of tags", ""},
		"tags with a shorter one": {list(record.TagTerm, "t:1"), "cannot count the events of tags", "only list tags that start"},
		"tags of others":          {list(record.TagTerm, "t:2:"), "cannot count the events of tags", "only list tags that start"},
		"a query of nothing":      {count(), "", ""},
		"an empty item":           {count(item("", "")), "", ""},
		"own types":               {count(item("A B", ""), item("A", "")), "", "cannot count the events of types"},
		"a type of others":        {count(item("A", ""), item("B C", "")), "item 2 of the query names another", "cannot count the events of types"},
		"own tags":                {count(item("", "t:1:x t:22:")), "cannot count the events of tags", ""},
		"a tag of others":         {count(item("", "t:1:x"), item("", "t:1:y x")), "cannot count the events of tags", "item 2 of the query has a tag without"},
		"a type with an own tag":  {count(item("A", "t:1:x")), "cannot count the events of tags", "cannot count the events of types"},
		"a type after an own tag": {count(item("", "t:1:x"), item("A", "")), "cannot count the events of tags", "cannot count the events of types"},
	} {
		check := func(k server.Key, refused string) {
			err := server.PermitsTerms(k, c.request)
			if (err == nil) != (refused == "") || err != nil && !strings.Contains(err.Error(), refused) {
				t.Errorf("%s of %s: %v, want %q", name, k.Name, err, refused)
			}
		}
		check(typed, c.ofTyped)
		check(tagged, c.ofTagged)
		check(keyNamed("free", read), "")
		if c.ofTyped+c.ofTagged == "" {
			check(both, "")
		} else {
			check(both, "cannot count events by type or tag alone")
		}
	}
}

func TestTermsOfLimitedKeyAreRefused(t *testing.T) {
	limited := keyNamed("limited", read)
	limited.TagPrefixes = []string{"t:1:"}
	r := startWithKeys(t, newMemoryStore(), server.Options{}, limited)
	c := r.raw(t)
	ask := func(prefix string) rawResponse {
		return c.post(t, umadbv1.DCB_Terms_FullMethodName, request(t, &umadbv1.TermsRequest{Kind: umadbv1.Term_TAG, Prefix: prefix}), "Authorization", "Bearer secret-limited")
	}
	if answer := ask("t:1:"); answer.code != codes.OK {
		t.Errorf("permitted tags: %v: %s", answer.code, answer.message)
	}
	wantDenied(t, ask(""), "limited", "secret-limited")
}
