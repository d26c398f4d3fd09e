package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/record"
)

// appendOptions are the flags of append.
type appendOptions struct {
	target   target
	event    eventFlags
	failIf   itemList
	after    uint64
	tracking trackingFlag
	batch    int
	json     bool
}

func newAppendCommand() *cobra.Command {
	var o appendOptions
	cmd := &cobra.Command{
		Use:   "append",
		Short: "Append one event, or many from standard input",
		Long: `append appends one event that the flags describe or, without --type, events from
standard input, one JSON object per line:

  {"type":"StudentJoined","tags":["course:1","student:7"],"data":{"at":9}}

A line may also contain "uuid", "metadata" and, instead of data, "data_base64". Its
"position" is ignored: the store assigns positions.

All events are appended in one request: either all of them are written or none. With
--batch they are sent in several requests, each atomic on its own. A batch is sent
before it is full if its events are large, or 200 ms after its first event, so the
input may be a pipe that pauses. With --fail-if or --after, the append fails if there
is a conflicting event.

An event without a UUID gets a random one. To retry safely, append the same events
again with the same UUIDs and --fail-if: events that exist already are not written
twice.

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
	f.Var(&o.failIf, "fail-if", `fail if a matching event exists, as "type=A tag=x" or, for names with spaces, {"tags":["x y"]}; * matches any event; repeat to match any of several`)
	f.Uint64Var(&o.after, "after", 0, "fail only if a matching event is after this `position`; without --fail-if, any event matches")
	f.Var(&o.tracking, "tracking", "record the position of an upstream source with the events, as in web=300")
	f.IntVar(&o.batch, "batch", 0, "send at most this `number` of events per request; each request is atomic on its own")
	perCall(f, "fail-if", "after", "tracking", "batch")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(f)
	return cmd
}

// validate rejects flags that contradict each other.
func (o *appendOptions) validate(flags *pflag.FlagSet) error {
	limit := requestLimits.RequestEvents
	if flags.Changed("batch") && (o.batch < 1 || o.batch > limit) {
		return usageErrorf("--batch %d is not a number from 1 to %d", o.batch, limit)
	}
	for _, name := range []string{"fail-if", "after", "tracking"} {
		if flags.Changed("batch") && flags.Changed(name) {
			return usageErrorf("--batch and --%s are both given: a conditional or tracked append must be a single request; use only one of them", name)
		}
	}
	return o.event.validate(flags)
}

// run appends the events and prints the result.
func (o *appendOptions) run(cmd *cobra.Command) error {
	if o.batch > 0 && !cmd.Flags().Changed("type") {
		return o.runBatches(cmd)
	}
	events, err := o.events(cmd)
	if err != nil {
		return err
	}
	var position uint64
	sent := false
	err = o.target.use(cmd, true, func(ctx context.Context, s dcb.EventStore) (err error) {
		sent = true
		position, err = s.Append(ctx, events, o.condition(cmd.Flags()), o.tracking.info)
		return explainConflict(err)
	})
	if sent && errors.Is(err, errInterrupted) {
		return fmt.Errorf("%w; it is unknown whether the events were appended: check with umadb read", err)
	}
	if err != nil {
		return err
	}
	return o.print(cmd.OutOrStdout(), position, len(events))
}

// events returns the event that the flags describe, or those from standard input.
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
		return nil, fmt.Errorf("%w; split them into several requests with --batch 1000; nothing was appended", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; nothing was appended", err)
	}
	return events, nil
}

// condition returns the condition set by --fail-if and --after, or nil if neither is set.
func (o *appendOptions) condition(flags *pflag.FlagSet) *dcb.AppendCondition {
	if !flags.Changed("fail-if") && !flags.Changed("after") {
		return nil
	}
	return &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: o.failIf.items}, After: o.after}
}

// explainConflict adds a remedy to the error of a failed condition.
func explainConflict(err error) error {
	var conflict *dcb.Error
	switch {
	case !errors.Is(err, dcb.ErrIntegrity):
		return err
	case errors.As(err, &conflict) && conflict.ConflictPosition > 0:
		return fmt.Errorf("%w; nothing was appended: read the new events, decide again, and pass the new head with --after", err)
	}
	return fmt.Errorf("%w; nothing was appended", err)
}

// print writes the position of the last event, and with --json the number of events. A
// failed write of the result is an error, even EPIPE: otherwise the caller might append
// the same events again.
func (o *appendOptions) print(w io.Writer, position uint64, count int) (err error) {
	if o.json {
		err = ndjson.Write(w, struct {
			Position uint64 `json:"position"`
			Events   int    `json:"events"`
		}{position, count})
	} else {
		_, err = fmt.Fprintln(w, position)
	}
	if err != nil {
		return fmt.Errorf("appended %s, the last at position %d, but cannot print the result: %v", plural(uint64(count), "event"), position, err)
	}
	return nil
}

// trackingFlag is a flag that sets a tracking source and a position in it.
type trackingFlag struct{ info *dcb.TrackingInfo }

// Set parses source=position. The name of the source may contain "=".
func (s *trackingFlag) Set(text string) error {
	cut := strings.LastIndexByte(text, '=')
	if cut < 0 {
		return errors.New("it has no =: write source=position, as in web=300")
	}
	position, err := strconv.ParseUint(text[cut+1:], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a position: write source=position, as in web=300", text[cut+1:])
	}
	info := &dcb.TrackingInfo{Source: text[:cut], Position: position}
	if err := record.CheckSource(info.Source); err != nil {
		return err
	}
	s.info = info
	return nil
}

// String returns "": there is no default.
func (s *trackingFlag) String() string { return "" }

// Type returns the placeholder of the value in the help.
func (s *trackingFlag) Type() string { return "source=position" }
