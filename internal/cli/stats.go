package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

func newStatsCommand() *cobra.Command {
	var t target
	var top uint32
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count what a store holds, and what it takes",
		Long: `stats counts events, types, tags and tracking sources, names the most frequent
types and tags, and tells what log and index take. All of that it knows of a
directory, from the index, exactly and quickly.

A server cannot be asked for it: then stats reads all events once, and tells what
can be learnt from them. Of more than 100,000 different types, tags or sources
it counts the events of the first ones, and the others together.`,
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
					return writeJSON(cmd.OutOrStdout(), counted)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), counted.text())
				return err
			})
		},
	}
	cmd.Flags().Uint32Var(&top, "top", 10, "`number` of types and of tags to name, the most frequent first")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	perCall(cmd.Flags(), "top")
	t.addFlags(cmd.Flags())
	return cmd
}

// counts is what stats prints.
type counts interface{ text() string }

// countStats asks a store that knows, and reads the events of one that does not.
func countStats(ctx context.Context, s dcb.EventStore, t *target, top int, stderr io.Writer) (counts, error) {
	if local, able := s.(*store.Store); able {
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
