package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
)

// appendOptions are the flags of append.
type appendOptions struct {
	target   target
	event    eventFlags
	failIf   itemList
	after    uint64
	tracking sourceAt
	batch    int
	json     bool
}

func newAppendCommand() *cobra.Command {
	var o appendOptions
	cmd := &cobra.Command{
		Use:   "append",
		Short: "Append one event, or many from standard input",
		Long: `append writes one event that the flags describe, or, without --type, those that
standard input has, one JSON object a line:

  {"type":"StudentJoined","tags":["course:1","student:7"],"data":{"at":9}}

A line may also have "uuid", "metadata" and, instead of data, "data_base64". Its
"position" is ignored: the store gives positions.

All events are written together or none, unless --batch allows several requests,
each written by itself: of so many events, or fewer if they are large or if no more
come within 200 ms, so that it can read from a pipe that pauses. With --fail-if or
--after that also depends on nothing having come in between.
An event without a UUID gets one. Append the same events with the same UUIDs and
--fail-if again, and they are recognised: then nothing is written twice.

It prints the position of the last event.`,
		Example: `  umadb append --type CourseDefined --tag course:1 --data '{"seats":30}'
  umadb append --type StudentJoined --tag course:1 --tag student:7 --fail-if "tag=course:1" --after 12
  umadb append --tracking web=300 < events.ndjson
  umadb read --url http://other:50051 --json | umadb append --batch 1000`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd.Flags()); err != nil {
				return err
			}
			return o.run(cmd)
		},
	}
	f := cmd.Flags()
	o.event.addFlags(f)
	f.Var(&o.failIf, "fail-if", `fail if there is such an event, as "type=A tag=x" or, with spaces, {"tags":["x y"]}; * for any; repeated, any of them`)
	f.Uint64Var(&o.after, "after", 0, "let only events behind this `position` make the append fail; without --fail-if, any event")
	f.Var(&o.tracking, "tracking", "record the position of an upstream source with the events, as web=300")
	f.IntVar(&o.batch, "batch", 0, "send at most this `number` of events a request, each request written by itself")
	perCall(f, "fail-if", "after", "tracking", "batch")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(f)
	return cmd
}

// validate refuses flags that contradict each other.
func (o *appendOptions) validate(flags *pflag.FlagSet) error {
	most := requestLimits.RequestEvents
	if flags.Changed("batch") && (o.batch < 1 || o.batch > most) {
		return usageErrorf("--batch %d is not a number from 1 to %d", o.batch, most)
	}
	for _, name := range []string{"fail-if", "after", "tracking"} {
		if flags.Changed("batch") && flags.Changed(name) {
			return usageErrorf("--batch and --%s are both given: what depends on a condition or is tracked must be one request, so leave out one of them", name)
		}
	}
	return o.event.validate(flags)
}

// run appends, and prints what came of it.
func (o *appendOptions) run(cmd *cobra.Command) error {
	if o.batch > 0 && !cmd.Flags().Changed("type") {
		return o.runBatches(cmd)
	}
	events, err := o.events(cmd)
	if err != nil {
		return err
	}
	var position uint64
	asking := false
	err = o.target.use(cmd, true, func(ctx context.Context, s dcb.EventStore) (err error) {
		asking = true
		position, err = s.Append(ctx, events, o.condition(cmd.Flags()), o.tracking.info)
		return explainConflict(err)
	})
	if asking && errors.Is(err, errInterrupted) {
		return fmt.Errorf("%w; whether the events were appended is unknown, umadb read shows it", err)
	}
	if err != nil {
		return err
	}
	return o.print(cmd.OutOrStdout(), position, len(events))
}

// events gives the one event of the flags, or those of standard input.
func (o *appendOptions) events(cmd *cobra.Command) ([]dcb.Event, error) {
	if cmd.Flags().Changed("type") {
		event, err := o.event.event(cmd.Flags())
		return []dcb.Event{event}, err
	}
	in, err := newEventReader(cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	events, err := in.all()
	if errors.Is(err, errTooMuch) {
		return nil, fmt.Errorf("%w: send them in several, with --batch 1000; nothing was appended", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; nothing was appended", err)
	}
	return events, nil
}

// condition gives what --fail-if and --after say, nil if neither is given.
func (o *appendOptions) condition(flags *pflag.FlagSet) *dcb.AppendCondition {
	if !flags.Changed("fail-if") && !flags.Changed("after") {
		return nil
	}
	return &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: o.failIf.items}, After: o.after}
}

// explainConflict says what to do about a conflict.
func explainConflict(err error) error {
	var conflict *dcb.Error
	switch {
	case !errors.Is(err, dcb.ErrIntegrity):
		return err
	case errors.As(err, &conflict) && conflict.ConflictPosition > 0:
		return fmt.Errorf("%w; nothing was appended: read what has come, decide again, and give the new head with --after", err)
	}
	return fmt.Errorf("%w; nothing was appended", err)
}

// print tells where the last event is, and how many there are. Whoever cannot be
// told on standard output is told by an error, be the pipe only closed: else they
// might append the same once more.
func (o *appendOptions) print(w io.Writer, position uint64, count int) (err error) {
	if o.json {
		err = writeJSON(w, struct {
			Position uint64 `json:"position"`
			Events   int    `json:"events"`
		}{position, count})
	} else {
		_, err = fmt.Fprintln(w, position)
	}
	if err != nil {
		return fmt.Errorf("appended %s, the last at position %d, but that could not be printed: %v", plural(uint64(count), "event"), position, err)
	}
	return nil
}
