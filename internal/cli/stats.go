package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
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
types and tags, and the size of the log and the index. For a directory, the numbers
come from the index: they are exact, and available quickly.

A server provides no statistics: stats reads all of its events and prints what they
show. If there are more than 100,000 different types, tags or sources, it counts the
events of the first ones individually, and those of the others together.`,
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

// countStats returns the statistics of a store in a directory, or reads the events of a server.
func countStats(ctx context.Context, s dcb.EventStore, t *target, top int, stderr io.Writer) (counts, error) {
	if local, ok := s.(*store.Store); ok {
		p := newProgress(stderr, "counting", "terms")
		defer p.clear()
		stats, err := local.Stats(ctx, &store.StatsOptions{Top: top, Progress: p.show})
		if err != nil {
			return nil, explainOpen(err, t.dir)
		}
		return &dirStats{Path: t.dir, Stats: *stats}, nil
	}
	p := newProgress(stderr, "reading", "events")
	defer p.clear()
	return readStats(ctx, s, t.url, top, p)
}
