package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/internal/store"
)

// dirStats are the statistics of a store in a directory.
type dirStats struct {
	Path string `json:"db_path"`
	store.Stats
}

func (s *dirStats) text() string {
	var b table
	b.title(s.Path)
	b.row("head", strconv.FormatUint(s.Head, 10))
	b.row("events", strconv.FormatUint(s.Events, 10))
	if !s.FirstCommit.IsZero() {
		b.row("first commit", s.FirstCommit.Format(time.RFC3339))
		b.row("last commit", s.LastCommit.Format(time.RFC3339))
	}
	b.row("log", fmt.Sprintf("%s in %s", bytesText(uint64(s.LogBytes)), plural(uint64(s.Segments), "segment")))
	b.row("index", fmt.Sprintf("%s in %s", bytesText(uint64(s.IndexBytes)), plural(uint64(s.Blocks), "block")))
	b.row("in memory", fmt.Sprintf("%s not yet in a block", plural(s.Uncovered, "event")))
	b.row("on disk", bytesText(uint64(s.DiskBytes)))
	b.row("event types", strconv.FormatUint(s.Types.Distinct, 10))
	b.row("tags", strconv.FormatUint(s.Tags.Distinct, 10))
	b.row("tracking sources", strconv.FormatUint(s.Sources, 10))
	b.ranking("event types", namesCount{TermStats: s.Types})
	b.ranking("tags", namesCount{TermStats: s.Tags})
	return b.String()
}

func (s *serverStats) text() string {
	var b table
	b.title(s.URL)
	b.row("head", strconv.FormatUint(s.Head, 10))
	b.row("events", strconv.FormatUint(s.Events, 10))
	b.row("data", bytesText(s.DataBytes))
	b.row("event types", atLeast(s.Types.Distinct, s.Types.Others))
	b.row("tags", atLeast(s.Tags.Distinct, s.Tags.Others))
	b.row("tracking sources", atLeast(s.Sources.Distinct, s.Sources.Others)+" on events")
	b.ranking("event types", s.Types)
	b.ranking("tags", s.Tags)
	return b.String()
}

// atLeast formats n, which is a lower bound if there are others.
func atLeast(n, others uint64) string {
	if others > 0 {
		return fmt.Sprintf("more than %d", n)
	}
	return strconv.FormatUint(n, 10)
}

// table is a title and rows with aligned columns.
type table struct{ strings.Builder }

func (b *table) title(text string) { b.WriteString(word(text) + "\n") }

func (b *table) row(name, value string) { fmt.Fprintf(b, "  %-18s%s\n", name, value) }

// ranking writes the most frequent names with their number of events.
func (b *table) ranking(what string, n namesCount) {
	if len(n.Top) == 0 {
		return
	}
	fmt.Fprintf(b, "\nevents of the most frequent %s\n", what)
	width := len(strconv.FormatUint(max(n.Top[0].Events, n.Others), 10))
	for _, term := range n.Top {
		fmt.Fprintf(b, "  %*d  %s\n", width, term.Events, word(term.Name))
	}
	if n.Others > 0 {
		fmt.Fprintf(b, "  %*d  of others, too many to count individually\n", width, n.Others)
	}
}
