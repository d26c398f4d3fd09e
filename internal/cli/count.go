package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// countOptions are the flags of count.
type countOptions struct {
	target   target
	query    queryFlags
	recorded recordedAt
	after    uint64
	json     bool
	explain  missingNotes
}

func newCountCommand() *cobra.Command {
	var o countOptions
	cmd := &cobra.Command{
		Use:   "count",
		Short: "Print how many events match a query",
		Long: `count prints how many stored events match a query, or how many there are without a
query. The number comes from the index: no event is read. A query of one tag or of
types is counted at once, any other one at some millions of matches in a second.

The flags select the same events as those of read.`,
		Example: `  umadb count
  umadb count --type StudentJoined --tag course:1
  umadb count --item "type=CourseDefined" --item "tag=student:7" --json
  umadb count --type OrderPlaced --since 2026-11-26 --until 2026-11-27
  umadb count --db-path ./uma.db --tag course:1 --after 1200`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.recorded.validate(); err != nil {
				return err
			}
			return o.target.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				return o.print(ctx, cmd, s)
			})
		},
	}
	f := cmd.Flags()
	o.query.addFlags(f)
	o.recorded.addSince(f)
	o.recorded.addUntil(f)
	f.Uint64Var(&o.after, "after", 0, "count only events after this `position`")
	perCall(f, "after")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	o.explain.addFlag(f)
	o.target.addFlags(f)
	return cmd
}

// print prints the number of events that the flags describe.
func (o *countOptions) print(ctx context.Context, cmd *cobra.Command, s dcb.EventStore) error {
	part, err := o.recorded.positions(ctx, s)
	if err != nil {
		return err
	}
	counts, err := s.(dcb.TermIndex).CountEvents(ctx, o.query.query(), part.Bounds(o.after))
	if err != nil {
		return err
	}
	if o.json {
		err = ndjson.Write(cmd.OutOrStdout(), map[string]uint64{"count": counts[0]})
	} else {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), counts[0])
	}
	if err == nil && counts[0] == 0 {
		err = o.explain.afterRead(ctx, s, o.query.query(), cmd.ErrOrStderr())
	}
	return err
}
