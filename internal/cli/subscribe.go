package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
)

func newSubscribeCommand() *cobra.Command {
	var t target
	var q queryFlags
	var after uint64
	var limit uint32
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "subscribe",
		Short: "Print stored events, then new ones",
		Long: `subscribe prints the stored events that match a query, then new ones as they are
appended, until Ctrl-C. It does the same as "umadb read --follow".

If the server stops or the connection is lost, it resumes after the last event. If it
cannot resume within a minute, or at once with --no-resume, it exits with 5 and shows
how to continue without missing an event.`,
		Example: `  umadb subscribe --type StudentJoined --json
  umadb subscribe --after 1200`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				f := following{query: q.query(), after: after, limit: givenLimit(cmd.Flags(), &limit)}
				return f.run(ctx, s, newPrinter(cmd.OutOrStdout(), asJSON), cmd.ErrOrStderr())
			})
		},
	}
	f := cmd.Flags()
	q.addFlags(f)
	f.Uint64Var(&after, "after", 0, "`position` to start after")
	f.Uint32Var(&limit, "limit", 0, "maximum `number` of events")
	f.BoolVar(&t.auth.noResume, "no-resume", false, "exit if the server stops or the connection is lost")
	perCall(f, "after", "limit", "no-resume")
	f.BoolVar(&asJSON, "json", false, "print each event as a line of JSON")
	t.addFlags(f)
	return cmd
}
