package cli_test

import (
	"encoding/csv"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/cli"
	"github.com/umadb-go/umadb/internal/store"
)

func TestTableHasEveryEvent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source")
	openStore(t, dir, func(s *store.Store) {
		for range 3000 {
			if _, err := s.Append(t.Context(), []dcb.Event{{Type: "T", Data: []byte("a\n\"b\"")}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	server := start(t, "serve", "--db-path", dir)
	fromDirectory := export(t, "--db-path", dir, "--format", "csv")
	if fromServer := export(t, "--url", "http://"+server.address, "--format", "csv"); fromServer != fromDirectory {
		t.Error("the table of the server differs from that of the directory")
	}
	for _, target := range [][]string{{"--db-path", dir}, {"--url", "http://" + server.address}} {
		rows, err := csv.NewReader(strings.NewReader(export(t, append(target, "--format", "csv")...))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 3001 {
			t.Fatalf("%v: the table has %d rows", target, len(rows))
		}
		for i, row := range rows[1:] {
			if row[0] != strconv.Itoa(i+1) || row[6] != "a\n\"b\"" {
				t.Fatalf("%v: row %d is %q", target, i+1, row)
			}
		}
	}
}

// The Python package has no Parquet.
func TestProgramWithoutParquet(t *testing.T) {
	dir, _ := newVariedStore(t)
	var out, errs strings.Builder
	code := cli.Main([]string{"export", "--db-path", dir, "--format", "parquet"}, strings.NewReader(""), &out, &errs, cli.Extensions{})
	wantError(t, code, errs.String(), 2, "use the umadb program")
	code = cli.Main([]string{"export", "--db-path", dir, "--format", "csv"}, strings.NewReader(""), &out, &errs, cli.Extensions{})
	if code != 0 {
		t.Error(errs.String())
	}
}
