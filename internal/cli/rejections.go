package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/selection"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// rejectionsOptions are the flags of rejections.
type rejectionsOptions struct {
	operated
	limit uint32
	json  bool
}

func newRejectionsCommand() *cobra.Command {
	var o rejectionsOptions
	cmd := &cobra.Command{
		Use:   "rejections",
		Short: "Print the appends that a server rejected last, and why",
		Long: `rejections prints the appends that a server has rejected because of their condition or
their tracking, the newest first: what was to be appended, the condition, and the
reason. It needs a key with the right "admin", if the server requires keys.

A server has the last 256 since its start in memory, without the data of their events.
If there are many in a short time, it keeps only some of them: the missing numbers are
those of the others. "umadb console" shows them beside the events with which they
conflict.`,
		Example: `  umadb rejections
  umadb rejections --limit 1 --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd)
			defer stop()
			c, err := o.dial(ctx, cmd.Flags())
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(ctx, statusTimeout)
			defer cancel()
			found, err := admin.NewClient(c).Rejections(ctx, o.limit)
			if admin.IsMissing(err) {
				return fmt.Errorf("the server at %s does not keep rejections: it is of another program or version", o.url)
			}
			if err != nil {
				return asInterrupted(ctx, err)
			}
			return o.print(cmd.OutOrStdout(), found)
		},
	}
	cmd.Flags().Uint32Var(&o.limit, "limit", 0, "maximum `number` of rejections; 0 for all that the server has")
	cmd.Flags().BoolVar(&o.json, "json", false, "print each rejection as a line of JSON")
	perCall(cmd.Flags(), "limit")
	o.addFlags(cmd.Flags())
	return cmd
}

// print prints rejections, the newest first.
func (o *rejectionsOptions) print(w io.Writer, found *adminv1.RejectionsResponse) error {
	for _, r := range found.GetRejections() {
		if !o.json {
			if _, err := io.WriteString(w, rejectionText(r)); err != nil {
				return err
			}
		} else if err := ndjson.Write(w, newRejectionOutput(r)); err != nil {
			return err
		}
	}
	if o.json {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s rejected since %s\n", plural(found.GetTotal(), "append"), found.GetSince().AsTime().Format(time.RFC3339))
	return err
}

// rejectionOutput is a rejection as a line of JSON.
type rejectionOutput struct {
	Number           uint64                   `json:"number"`
	Time             time.Time                `json:"time"`
	Key              string                   `json:"key,omitempty"`
	Peer             string                   `json:"peer"`
	Events           []rejectedEventOutput    `json:"events"`
	MoreEvents       uint32                   `json:"more_events,omitempty"`
	Condition        *rejectedConditionOutput `json:"condition,omitempty"`
	Tracking         *recorded                `json:"tracking,omitempty"`
	ConflictPosition uint64                   `json:"conflict_position,omitempty"`
	Reason           string                   `json:"reason"`
}

type rejectedEventOutput struct {
	Type     string   `json:"type"`
	Tags     []string `json:"tags"`
	MoreTags uint32   `json:"more_tags,omitempty"`
}

type rejectedConditionOutput struct {
	Items     []rejectedItemOutput `json:"items"`
	MoreItems uint32               `json:"more_items,omitempty"`
	After     uint64               `json:"after"`
}

type rejectedItemOutput struct {
	Types     []string `json:"types"`
	Tags      []string `json:"tags"`
	MoreTypes uint32   `json:"more_types,omitempty"`
	MoreTags  uint32   `json:"more_tags,omitempty"`
}

func newRejectionOutput(r *adminv1.Rejection) *rejectionOutput {
	out := &rejectionOutput{
		Number:           r.GetNumber(),
		Time:             r.GetTime().AsTime(),
		Key:              r.GetKey(),
		Peer:             r.GetPeer(),
		Events:           []rejectedEventOutput{},
		MoreEvents:       r.GetMoreEvents(),
		ConflictPosition: r.GetConflictPosition(),
		Reason:           r.GetReason(),
	}
	for _, e := range r.GetEvents() {
		out.Events = append(out.Events, rejectedEventOutput{e.GetType(), listed(e.GetTags()), e.GetMoreTags()})
	}
	if c := r.GetCondition(); c != nil {
		out.Condition = &rejectedConditionOutput{Items: []rejectedItemOutput{}, MoreItems: c.GetMoreItems(), After: c.GetAfter()}
		for _, item := range c.GetItems() {
			out.Condition.Items = append(out.Condition.Items, rejectedItemOutput{listed(item.GetTypes()), listed(item.GetTags()), item.GetMoreTypes(), item.GetMoreTags()})
		}
	}
	if t := r.GetTracking(); t != nil {
		out.Tracking = &recorded{Source: t.GetSource(), Position: &t.Position}
	}
	return out
}

// listed returns names as a list that is not null in JSON.
func listed(names []string) []string { return append([]string{}, names...) }

// rejectionText returns a rejection for people.
func rejectionText(r *adminv1.Rejection) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d  %s", r.GetNumber(), r.GetTime().AsTime().Format("2006-01-02T15:04:05.000Z"))
	if r.GetKey() != "" {
		fmt.Fprintf(&b, "  key %s", word(r.GetKey()))
	}
	fmt.Fprintf(&b, "  from %s\n", word(r.GetPeer()))
	for _, e := range r.GetEvents() {
		fmt.Fprintf(&b, "  event      %s", word(e.GetType()))
		for _, tag := range e.GetTags() {
			fmt.Fprintf(&b, " %s", word(tag))
		}
		fmt.Fprintf(&b, "%s\n", moreText(e.GetMoreTags(), "tag"))
	}
	if more := r.GetMoreEvents(); more > 0 {
		fmt.Fprintf(&b, "            %s\n", moreText(more, "event"))
	}
	if c := r.GetCondition(); c != nil {
		fmt.Fprintf(&b, "  condition  no event after %d matches %s\n", c.GetAfter(), conditionText(c))
	}
	if t := r.GetTracking(); t != nil {
		fmt.Fprintf(&b, "  tracking   %s=%d\n", word(t.GetSource()), t.GetPosition())
	}
	fmt.Fprintf(&b, "  rejected   %s\n\n", EscapeControl(r.GetReason()))
	return b.String()
}

// conditionText returns the query of a condition, in the form of the flag --item.
func conditionText(c *adminv1.RejectedCondition) string {
	if len(c.GetItems()) == 0 && c.GetMoreItems() == 0 {
		return "*"
	}
	var items []string
	for _, item := range c.GetItems() {
		text := EscapeControl(selection.FormatItem(dcb.QueryItem{Types: item.GetTypes(), Tags: item.GetTags()}))
		if more := item.GetMoreTypes() + item.GetMoreTags(); more > 0 && len(item.GetTypes())+len(item.GetTags()) == 0 {
			text = "one that is too long" // not *
		} else {
			text += moreText(item.GetMoreTypes(), "type") + moreText(item.GetMoreTags(), "tag")
		}
		items = append(items, text)
	}
	return strings.Join(items, " or ") + moreText(c.GetMoreItems(), "item")
}

// moreText returns how many more there are; empty for none.
func moreText(n uint32, noun string) string {
	if n == 0 {
		return ""
	}
	return " and " + strings.Replace(plural(uint64(n), noun), " ", " more ", 1)
}
