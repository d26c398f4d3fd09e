package cli_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/monitoring"
	"github.com/umadb-go/umadb/internal/server"
)

// TestDocumentsHaveEveryMetric compares the table of docs/metrics.md with the declarations.
func TestDocumentsHaveEveryMetric(t *testing.T) {
	table := "| metric | type | labels | |\n|---|---|---|---|\n"
	for _, f := range monitoring.Families() {
		labels := ""
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.Name, f.Kind, labels, f.Help)
	}
	wantSection(t, "docs/metrics.md", "metrics", table)
}

// TestDocumentsHaveEveryKindOfRefusal compares another table of docs/metrics.md with the
// declarations.
func TestDocumentsHaveEveryKindOfRefusal(t *testing.T) {
	table, kinds := "| kind | |\n|---|---|\n", server.RefusalKinds()
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		table += fmt.Sprintf("| `%s` | %s |\n", kind, kinds[kind])
	}
	wantSection(t, "docs/metrics.md", "refusals", table)
}
