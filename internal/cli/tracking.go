package cli

import (
	"bufio"
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

func newTrackingCommand() *cobra.Command {
	var t target
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tracking [SOURCE...]",
		Short: "Print how far upstream sources have been processed",
		Long: `tracking prints the last recorded position of an upstream source, or "none". For
several sources, it prints a line for each with its name. Without arguments, it lists
all sources of the store. A server needs a key with the right "admin" for that, if it
requires keys, and servers of other versions cannot list their sources.`,
		Example: `  umadb tracking web
  umadb tracking web shop --json
  umadb tracking`,
		RunE: func(cmd *cobra.Command, sources []string) error {
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

// recorded is the recorded position of a source.
type recorded struct {
	Source   string  `json:"source"`
	Position *uint64 `json:"position"` // nil if the source is unknown
}

// trackingOf returns the positions of the given sources.
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

// everyTracking returns the positions of all sources.
func everyTracking(ctx context.Context, s dcb.EventStore) iter.Seq2[recorded, error] {
	return func(yield func(recorded, error) bool) {
		var all iter.Seq2[dcb.TrackingInfo, error]
		switch s := s.(type) {
		case *store.Store:
			all = s.TrackingSources(ctx)
		case *client.Client:
			all = admin.NewClient(s).TrackingSources(ctx)
		}
		for info, err := range all {
			if admin.IsMissing(err) {
				err = usageErrorf("this server cannot list its sources: name them, as in %q", "umadb tracking SOURCE")
			}
			if !yield(recorded{Source: info.Source, Position: &info.Position}, err) {
				return
			}
		}
	}
}

// print writes the position as a line, with the name of the source unless alone is set.
func (r recorded) print(out *bufio.Writer, asJSON, alone bool) error {
	if asJSON {
		return ndjson.Write(out, r)
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
