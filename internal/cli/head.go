package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

func newHeadCommand() *cobra.Command {
	var t target
	var at moment
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "head",
		Short: "Print the position of the last event",
		Long: `head prints the position of the last event, or 0 if there is none. With --at, it prints
the position of the last event that was recorded at a time or before.`,
		Example: `  umadb head
  umadb head --at 2026-11-26T14:30:00Z
  umadb head --db-path ./uma.db --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				var head uint64
				var err error
				if at.text == "" {
					head, err = s.Head(ctx)
				} else {
					head, err = s.PositionAt(ctx, at.Time)
				}
				if err != nil {
					return err
				}
				if asJSON {
					return ndjson.Write(cmd.OutOrStdout(), map[string]uint64{"head": head})
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), head)
				return err
			})
		},
	}
	cmd.Flags().Var(&at, "at", "the head as it was at this `time`: "+momentForms)
	perCall(cmd.Flags(), "at")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	t.addFlags(cmd.Flags())
	return cmd
}
