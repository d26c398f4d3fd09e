package browsertest_test

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// The page of tracking sources shows which ones move, and new ones, without being loaded again.
func TestTrackingMoves(t *testing.T) {
	t.Parallel()
	s := serve(t)
	track := func(source string, position uint64) {
		t.Helper()
		if _, err := s.store.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: source, Position: position}); err != nil {
			t.Fatal(err)
		}
	}
	track("mail", 9007199254740993) // not a number that JavaScript can have
	track("web", 3)
	b := newTab(t)
	b.open(s.url + "/tracking")
	newAccessibility(t).page(b)
	track("mail", 9007199254740995)
	track("news", 1)
	const row = `[...document.querySelectorAll("#sources tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent.replace(/\s/g, "")))`
	b.await(row + `.length === 3`)
	rows := eval[[][]string](b, row)
	if rows[0][1] != "9007199254740995" || !strings.Contains(rows[0][2], "by2intotal") || rows[1][0] != "news" || !strings.Contains(rows[1][2], "new") || rows[2][2] != "notyet" {
		t.Errorf("the rows are %q", rows)
	}
	b.mustBeFine()
}
