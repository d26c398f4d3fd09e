package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

func newClusterStatusCommand(engines []Engine) *cobra.Command {
	log := clusterLog{engines: engines}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print what a shared log and its servers have",
		Long: `status prints the last group (commit) of a shared log, the preferred writer, which is the server
that appended it, and the servers that have reported in the last 15 seconds: the start of the
ID of the directory, the address of --advertise, the last group that readers see, and the
last one that is synced to the disk. A server that has stopped is listed for 15 seconds.

LAG is the number of groups that the log had when the command began and that the server has not
applied. Servers report every 3 seconds, so the command waits for up to 4 seconds while
one of them has a lag. AHEAD instead of a number means that the log has lost groups.
Warnings, for example about the engine that keeps the log, are on standard error, and with
--json in the object.`,
		Example: `  umadb cluster status --log postgres://umadb@db1,db2/orders`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), clusterTimeout)
			defer cancel()
			var status *clusterOutput
			err := log.use(ctx, cmd, func(log sharedlog.Log) (err error) {
				status, err = clusterStatus(ctx, log)
				return err
			})
			if err != nil {
				return err
			}
			logWarnings(newNotices(cmd.ErrOrStderr()), status.Warnings)
			status.Warnings = append(status.Warnings, log.warnings...)
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), status)
			}
			return status.print(cmd.OutOrStdout())
		},
	}
	log.addFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// clusterOutput is the JSON output of cluster status.
type clusterOutput struct {
	Log   string `json:"log"`
	Store string `json:"store"`
	After uint64 `json:"after"` // index of the group after which the log starts
	Last  uint64 `json:"last"`  // index of its last group
	// PreferredWriter is the address of the server that appended the last group; empty if it has
	// none, or if that group is no longer in the log.
	PreferredWriter string        `json:"preferred_writer"`
	Servers         []replicaLine `json:"servers"`
	Warnings        []string      `json:"warnings"` // about the engine, the log and its last record
}

// lostGroups is the warning about a log that has lost groups.
const lostGroups = "the shared log has lost groups that a server has: stop the servers, and see umadb cluster verify and umadb cluster repair"

const (
	reportWait = 4 * time.Second // more than the time between two reports of a server
	reportPoll = 250 * time.Millisecond
)

// reportsOf returns the reports of the servers. While one of them has not reported a group, it
// waits for the next report, which an idle or a busy server makes every 3 seconds.
func reportsOf(ctx context.Context, log sharedlog.Log, group uint64) ([]sharedlog.Replica, error) {
	waiting, cancel := context.WithTimeout(ctx, reportWait)
	defer cancel()
	for {
		replicas, err := log.Replicas(ctx)
		lags := slices.ContainsFunc(replicas, func(r sharedlog.Replica) bool { return r.Applied < group })
		if err != nil || !lags || waiting.Err() != nil {
			return replicas, err
		}
		select {
		case <-waiting.Done():
		case <-time.After(reportPoll):
		}
	}
}

// replicaLine is a server in the output of cluster status.
type replicaLine struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Version string `json:"version"`
	Applied uint64 `json:"applied"` // index of the last group that its readers see
	Durable uint64 `json:"durable"` // index of the last group that is synced in its directory
	Lag     uint64 `json:"lag"`     // groups that the log had at first, and that it has not applied
	Ahead   uint64 `json:"ahead"`   // groups that it has applied and the log does not have
}

func clusterStatus(ctx context.Context, log sharedlog.Log) (*clusterOutput, error) {
	origin, err := log.Origin(ctx)
	if err != nil {
		return nil, logError(err)
	}
	begin, err := log.Last(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	replicas, err := reportsOf(ctx, log, begin.Index)
	if err != nil {
		return nil, unavailable(err)
	}
	last, err := log.Last(ctx) // after the reports, so that it has what the servers have applied
	if err != nil {
		return nil, unavailable(err)
	}
	out := &clusterOutput{Log: origin.Log.String(), Store: origin.Store.String(), After: origin.Point.Index, Last: last.Index, Servers: []replicaLine{}, Warnings: []string{}}
	out.PreferredWriter, err = preferredWriter(ctx, log, last.Index)
	switch {
	case errors.Is(err, sharedlog.ErrVersion), errors.Is(err, sharedlog.ErrCorrupt): // the rest matters all the more
		out.Warnings = append(out.Warnings, err.Error())
	case err != nil:
		return nil, err
	}
	lost := false
	for _, r := range replicas {
		line := replicaLine{r.ID.String(), r.Address, r.Program, r.Applied, r.Durable, begin.Index - min(r.Applied, begin.Index), r.Applied - min(r.Applied, last.Index)}
		out.Servers = append(out.Servers, line)
		lost = lost || line.Ahead > 0
	}
	if lost {
		out.Warnings = append(out.Warnings, lostGroups)
	}
	slices.SortFunc(out.Servers, func(a, b replicaLine) int { return strings.Compare(a.Address+a.ID, b.Address+b.ID) })
	return out, nil
}

// preferredWriter returns the address of the server that appended the last group of a log.
func preferredWriter(ctx context.Context, log sharedlog.Log, last uint64) (address string, err error) {
	records, err := log.Read(ctx, last)
	if errors.Is(err, sharedlog.ErrTrimmed) || err == nil && len(records) == 0 {
		return "", nil
	}
	if err != nil {
		return "", unavailable(err)
	}
	envelope, _, err := sharedlog.Decode(records[0].Bytes)
	if err != nil {
		return "", fmt.Errorf("group %d of the shared log: %w", last, err)
	}
	return envelope.Address, nil
}

func (o *clusterOutput) print(w io.Writer) error {
	if o.Last == o.After {
		fmt.Fprintf(w, "log %s, empty after group %d\n", o.Log, o.After)
	} else {
		fmt.Fprintf(w, "log %s, with its last group %d\n", o.Log, o.Last)
	}
	if o.PreferredWriter != "" {
		fmt.Fprintf(w, "preferred writer %s\n", EscapeControl(o.PreferredWriter))
	}
	if len(o.Servers) == 0 {
		_, err := fmt.Fprintln(w, "no server has reported in the last 15 seconds")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVER\tADDRESS\tVERSION\tAPPLIED\tDURABLE\tLAG")
	for _, s := range o.Servers {
		lag := strconv.FormatUint(s.Lag, 10)
		if s.Ahead > 0 {
			lag = "AHEAD"
		}
		fmt.Fprintf(table, "%.8s\t%s\t%s\t%d\t%d\t%s\n", s.ID, cmp.Or(EscapeControl(s.Address), "-"), EscapeControl(s.Version), s.Applied, s.Durable, lag)
	}
	return table.Flush()
}
