package selection_test

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

func TestFromValues(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]selection.Selection{
		"":                       {},
		"type=&tag=&since=":      {},
		"type=A&type=B&tag=x":    {Query: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"A", "B"}, Tags: []string{"x"}}}}},
		"tag=x&item=type%3DA":    {Query: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"x"}}, {Types: []string{"A"}}}}},
		"since=2h&until=1h":      {Since: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour)},
		"after=7&limit=3":        {Options: dcb.ReadOptions{Start: new(uint64(8)), Limit: new(uint32(3))}},
		"start=7&backwards=true": {Options: dcb.ReadOptions{Start: new(uint64(7)), Backwards: true}},
		"page=2":                 {},
	} {
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := selection.FromValues(values, now, "page")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v (%v), want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"typ=A":                  "it is unknown",
		"item=A":                 "neither type= nor tag=",
		"since=now":              "how long ago",
		"limit=-1":               "not a number",
		"limit=1&limit=2":        "given 2 times",
		"backwards=yes":          "neither true nor false",
		"after=1&start=2":        "start is given too",
		"after=1&backwards=true": "backwards is given too",
		"since=1h&until=2h":      "before since",
	} {
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := selection.FromValues(values, now); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}
