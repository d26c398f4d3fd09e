package selection_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// A mistyped condition must not become a condition that always holds.
func TestInvalidItems(t *testing.T) {
	for _, text := range []string{"", "tag=", "type=A tag=", "tag=a,tag=b", "type=A,tag=b", "course:1", `{"tags":[null]}`} {
		if item, err := selection.ParseItem(text); err == nil {
			t.Errorf("%q is parsed as %+v", text, item)
		}
	}
}

func TestFormatItem(t *testing.T) {
	for want, item := range map[string]dcb.QueryItem{
		"*":                         {},
		"type=A type=B tag=x tag=y": {Types: []string{"A", "B"}, Tags: []string{"x", "y"}},
		`{"tags":["x y","<b>"]}`:    {Tags: []string{"x y", "<b>"}},
		`{"types":[""]}`:            {Types: []string{""}},
	} {
		if got := selection.FormatItem(item); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestFormattedItemIsParsed(t *testing.T) {
	name := rapid.OneOf(rapid.String(), rapid.StringMatching(`(,tag=|type=|[a-c ={}"*]){0,3}`))
	names := rapid.Custom(func(t *rapid.T) []string {
		return append([]string(nil), rapid.SliceOfN(name, 0, 3).Draw(t, "names")...)
	})
	rapid.Check(t, func(t *rapid.T) {
		item := dcb.QueryItem{Types: names.Draw(t, "types"), Tags: names.Draw(t, "tags")}
		text := selection.FormatItem(item)
		got, err := selection.ParseItem(text)
		if err != nil || !reflect.DeepEqual(got, item) {
			t.Fatalf("%+v is formatted as %q, which is %+v (%v)", item, text, got, err)
		}
	})
}
