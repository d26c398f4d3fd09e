package cli

import (
	"bufio"
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

func newTrackingCommand() *cobra.Command {
	var t target
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tracking [SOURCE...]",
		Short: "Print how far upstream sources have been processed",
		Long: `tracking prints the last position that was recorded for an upstream source, or
none. For several sources, each has a line with its name. Without a name it
lists every source of a directory; a server cannot be asked for that.`,
		Example: `  umadb tracking web
  umadb tracking web shop --json
  umadb tracking --db-path ./uma.db`,
		RunE: func(cmd *cobra.Command, sources []string) error {
			if len(sources) == 0 && !cmd.Flags().Changed("db-path") {
				return usageErrorf("no source is named: a server tells only of named ones, as in %q; with --db-path all are listed", "umadb tracking SOURCE")
			}
			return t.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				out := bufio.NewWriter(cmd.OutOrStdout())
				found := trackingOf(ctx, s, sources)
				if len(sources) == 0 {
					found = everyTracking(ctx, s)
				}
				for info, err := range found {
					if err == nil {
						err = info.print(out, asJSON, len(sources) == 1)
					}
					if err != nil {
						out.Flush()
						return err
					}
				}
				return out.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each source as a line of JSON")
	t.addFlags(cmd.Flags())
	return cmd
}

// recorded is what is known of a source.
type recorded struct {
	Source   string  `json:"source"`
	Position *uint64 `json:"position"` // nil if the source is unknown
}

// trackingOf asks for each of the sources.
func trackingOf(ctx context.Context, s dcb.EventStore, sources []string) iter.Seq2[recorded, error] {
	return func(yield func(recorded, error) bool) {
		for _, source := range sources {
			r := recorded{Source: source}
			position, found, err := s.GetTrackingInfo(ctx, source)
			if found {
				r.Position = &position
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// everyTracking asks for all sources.
func everyTracking(ctx context.Context, s dcb.EventStore) iter.Seq2[recorded, error] {
	return func(yield func(recorded, error) bool) {
		local, able := s.(*store.Store)
		if !able {
			yield(recorded{}, usageErrorf("this store cannot list its sources: name them, as in %q", "umadb tracking SOURCE"))
			return
		}
		for info, err := range local.TrackingSources(ctx) {
			if !yield(recorded{Source: info.Source, Position: &info.Position}, err) {
				return
			}
		}
	}
}

// print writes a line; only the position if one source was asked for.
func (r recorded) print(out *bufio.Writer, asJSON, alone bool) error {
	if asJSON {
		return writeJSON(out, r)
	}
	position := "none"
	if r.Position != nil {
		position = fmt.Sprint(*r.Position)
	}
	if !alone {
		position = word(r.Source) + " " + position
	}
	_, err := fmt.Fprintln(out, position)
	return err
}
