package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

func newStatsCommand() *cobra.Command {
	var t target
	var top uint32
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Print statistics of a store",
		Long: `stats prints the number of events, types, tags and tracking sources, the most frequent
types and tags, and the size of the log and the index. The numbers come from the
index: they are exact, and available quickly. A server that requires keys needs one
with the right "admin" for them; without that right, stats fails, and reads nothing.

If a server does not provide statistics, as those of other versions, stats reads all
of its events and prints what they show. If there are more than 100,000 different
types, tags or sources, it counts the events of the first ones individually, and
those of the others together.`,
		Example: `  umadb stats
  umadb stats --top 3
  umadb stats --db-path ./uma.db --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				counted, err := countStats(ctx, s, &t, int(top), cmd.ErrOrStderr())
				if err != nil {
					return err
				}
				if asJSON {
					return ndjson.Write(cmd.OutOrStdout(), counted)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), counted.text())
				return err
			})
		},
	}
	cmd.Flags().Uint32Var(&top, "top", 10, "`number` of types and of tags to print, the most frequent first")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	perCall(cmd.Flags(), "top")
	t.addFlags(cmd.Flags())
	return cmd
}

// counts is the output of stats.
type counts interface{ text() string }

// countStats returns the statistics of a store. It reads the events of a server that does not
// provide statistics.
func countStats(ctx context.Context, s dcb.EventStore, t *target, top int, stderr io.Writer) (counts, error) {
	if local, ok := s.(*store.Store); ok {
		p := newProgress(stderr, "counting", "terms")
		defer p.clear()
		stats, err := local.Stats(ctx, &store.StatsOptions{Top: top, Progress: p.show})
		if err != nil {
			return nil, explainOpen(err, t.dir)
		}
		return &indexStats{Path: t.dir, Stats: *stats}, nil
	}
	if remote, ok := s.(*client.Client); ok {
		stats, err := admin.NewClient(remote).Stats(ctx, uint32(top))
		switch {
		case err == nil:
			return &indexStats{URL: t.url, Stats: *stats}, nil
		case admin.IsDenied(err):
			// Reading all events instead may take hours and load the server.
			return nil, fmt.Errorf("%w; use a key with it, or run umadb stats --db-path on the machine of the server, which needs no key", err)
		case !admin.IsMissing(err):
			return nil, err
		}
		fmt.Fprintln(stderr, "umadb: the server provides no statistics: reading all of its events")
	}
	p := newProgress(stderr, "reading", "events")
	defer p.clear()
	return readStats(ctx, s, t.url, top, p)
}

// indexStats are the statistics of a store in a directory or on a server, from its index.
type indexStats struct {
	Path string `json:"db_path,omitempty"`
	URL  string `json:"url,omitempty"`
	store.Stats
}

func (s *indexStats) text() string {
	var b table
	b.title(cmp.Or(s.Path, s.URL))
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

// serverStats are the statistics that come from reading the events of a store.
type serverStats struct {
	URL       string      `json:"url"`
	Head      uint64      `json:"head"`
	Events    uint64      `json:"events"`
	DataBytes uint64      `json:"data_bytes"` // of the data of the events only
	Types     namesCount  `json:"types"`
	Tags      namesCount  `json:"tags"`
	Sources   sourceCount `json:"tracking_sources_on_events"`
}

// namesCount is a store.TermStats in which a limited number of names is counted
// individually.
type namesCount struct {
	store.TermStats
	Others uint64 `json:"other_events,omitempty"` // total of the names not counted individually; if it is not 0, Distinct is a lower bound
}

// sourceCount is the number of sources.
type sourceCount struct {
	Distinct uint64 `json:"distinct"`
	Others   uint64 `json:"other_events,omitempty"`
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

const (
	// maxCounted and maxCountedBytes bound the number of different names that are counted,
	// and their total length.
	maxCounted      = 100_000
	maxCountedBytes = 64 << 20
)

// readStats reads all events and counts them.
func readStats(ctx context.Context, s dcb.EventStore, url string, top int, p *progress) (*serverStats, error) {
	response := s.Read(ctx, dcb.Query{}, dcb.ReadOptions{})
	defer response.Close()
	head, err := response.Head()
	if err != nil {
		return nil, err
	}
	stats := &serverStats{URL: url, Head: head}
	types, tags, sources := newNameCounter(maxCounted), newNameCounter(maxCounted), newNameCounter(maxCounted)
	for event, err := range response.All() {
		if err != nil {
			return nil, err
		}
		stats.Events++
		stats.DataBytes += uint64(len(event.Event.Data))
		types.add(event.Event.Type)
		slices.Sort(event.Event.Tags) // count a repeated tag once
		for _, tag := range slices.Compact(event.Event.Tags) {
			tags.add(tag)
		}
		if event.Tracking != nil {
			sources.add(event.Tracking.Source)
		}
		p.show(stats.Events, head)
	}
	stats.Types, stats.Tags = types.count(top), tags.count(top)
	stats.Sources = sourceCount{uint64(len(sources.events)), sources.others}
	return stats, nil
}

// nameCounter counts events by name, in bounded memory.
type nameCounter struct {
	events   map[string]uint64
	maxNames int
	bytes    int    // total length of the names
	others   uint64 // events of names that exceed a bound
}

func newNameCounter(maxNames int) *nameCounter {
	return &nameCounter{events: map[string]uint64{}, maxNames: maxNames}
}

func (c *nameCounter) add(name string) {
	n, known := c.events[name]
	if !known && (len(c.events) == c.maxNames || c.bytes+len(name) > maxCountedBytes) {
		c.others++
		return
	}
	if !known {
		c.bytes += len(name)
	}
	c.events[name] = n + 1
}

// count returns the names with the most events first.
func (c *nameCounter) count(top int) namesCount {
	all := make([]dcb.TermCount, 0, len(c.events))
	for name, events := range c.events {
		all = append(all, dcb.TermCount{Name: name, Events: events})
	}
	slices.SortFunc(all, store.CompareCounts)
	return namesCount{store.TermStats{Distinct: uint64(len(all)), Top: all[:min(top, len(all))]}, c.others}
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
