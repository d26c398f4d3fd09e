package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
)

// readOptions are the flags of read.
type readOptions struct {
	target    target
	query     queryFlags
	recorded  recordedAt
	start     uint64
	after     uint64
	backwards bool
	limit     uint32
	follow    bool
	json      bool
	explain   missingNotes
}

func newReadCommand() *cobra.Command {
	var o readOptions
	cmd := &cobra.Command{
		Use:   "read",
		Short: "Print the events that match a query",
		Long: `read prints the stored events that match a query, or all stored events without a
query. It ignores events that are appended after it starts. With --follow, it prints
new events too, until Ctrl-C.

--type and --tag are combined: an event matches if it has one of the types and all of
the tags. Each --item matches other events as well. --since and --until restrict events
by when they were recorded: 2h and 3d are two hours and three days ago, and a date
starts in UTC. With --json, each event is a line of JSON, which append accepts.`,
		Example: `  umadb read --type StudentJoined --tag course:1 --tag student:7
  umadb read --item "type=CourseDefined tag=course:1" --item "tag=student:7" --json
  umadb read --backwards --limit 10
  umadb read --since 2026-11-26T22:00:00Z --until 2026-11-27T06:00:00Z
  umadb read --after 1200 --follow
  umadb read --db-path ./uma.db`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd.Flags()); err != nil {
				return err
			}
			return o.target.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				return o.read(ctx, cmd, s)
			})
		},
	}
	f := cmd.Flags()
	o.query.addFlags(f)
	o.recorded.addSince(f)
	o.recorded.addUntil(f)
	f.Uint64Var(&o.start, "start", 0, "`position` to start at; with --backwards, the largest one to read")
	f.Uint64Var(&o.after, "after", 0, "`position` to start after")
	f.BoolVar(&o.backwards, "backwards", false, "read from the last event to the first")
	f.Uint32Var(&o.limit, "limit", 0, "maximum `number` of events")
	f.BoolVarP(&o.follow, "follow", "f", false, "print new events too, until Ctrl-C")
	perCall(f, "start", "after", "backwards", "limit", "follow")
	f.BoolVar(&o.json, "json", false, "print each event as a line of JSON")
	o.explain.addFlag(f)
	o.target.addFlags(f)
	return cmd
}

// validate rejects flags that contradict each other.
func (o *readOptions) validate(flags *pflag.FlagSet) error {
	switch {
	case flags.Changed("start") && flags.Changed("after"):
		return usageErrorf("--start and --after are both given: --start is the first position to read, --after the one before it")
	case o.backwards && flags.Changed("after"):
		return usageErrorf("--after and --backwards are both given: with --backwards, set the position to start at with --start")
	case o.backwards && o.follow:
		return usageErrorf("--follow and --backwards are both given: use only one")
	case o.follow && flags.Changed("until"):
		return usageErrorf("--follow and --until are both given: with --follow, reading does not end")
	case o.follow:
		return o.recorded.validateFollowed()
	}
	return o.recorded.validate()
}

// read prints the events that the flags describe.
func (o *readOptions) read(ctx context.Context, cmd *cobra.Command, s dcb.EventStore) error {
	flags := cmd.Flags()
	p := newPrinter(cmd.OutOrStdout(), o.json)
	limit := givenLimit(flags, &o.limit)
	part, err := o.recorded.positions(ctx, s)
	if err != nil {
		return err
	}
	if o.follow {
		f := following{query: o.query.query(), after: part.After(o.after), limit: limit, notes: o.explain}
		if o.start > 0 {
			f.after = max(f.after, o.start-1)
		}
		return f.run(ctx, s, p, cmd.ErrOrStderr())
	}
	options := dcb.ReadOptions{Backwards: o.backwards, Limit: limit}
	switch {
	case flags.Changed("start"):
		options.Start = &o.start
	case flags.Changed("after"):
		options.Start = startAfter(o.after)
	}
	count, err := p.printAll(part.Read(ctx, s, o.query.query(), options))
	if err == nil && count == 0 {
		err = o.explain.afterRead(ctx, s, o.query.query(), cmd.ErrOrStderr())
	}
	return err
}

// givenLimit returns the limit, or nil if the flag is not set. 0 is a limit.
func givenLimit(flags *pflag.FlagSet, limit *uint32) *uint32 {
	if !flags.Changed("limit") {
		return nil
	}
	return limit
}
