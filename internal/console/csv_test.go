package console_test

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// No cell of a table is a formula of a spreadsheet, and a number stays one.
func TestCellsAreNoFormulas(t *testing.T) {
	s := newSite(t)
	for _, text := range []string{`=HYPERLINK("http://example.com","x")`, "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1"} {
		s.append(dcb.Event{Type: text, Tags: []string{text}, Data: []byte(text)})
	}
	s.append(dcb.Event{Type: "-12", Data: []byte("-1.5")})
	for _, path := range []string{"/browse.csv?order=oldest", "/types.csv", "/tags.csv", "/timeline.csv", "/why.csv?item=*&after=0"} {
		reader := csv.NewReader(strings.NewReader(s.get(path, http.StatusOK)))
		reader.FieldsPerRecord = -1
		rows, err := reader.ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("%s: %v in %q", path, err, rows)
		}
		for _, cell := range slices.Concat(rows...) {
			if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) && cell != "-12" && cell != "-1.5" {
				t.Errorf("%s has the cell %q", path, cell)
			}
		}
		if path == "/browse.csv?order=oldest" && (!slices.Contains(rows[2], "'+1+1") || !slices.Contains(rows[7], "-1.5")) {
			t.Errorf("the rows are %q", rows)
		}
	}
}
