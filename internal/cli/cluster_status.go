package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

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
		Long: `status prints the end of a shared log, the preferred writer, which is the server that appended
the last commit, and for each server what it has applied and what is durable in its
directory, as it reported in the last 15 seconds. Warnings about the engine that keeps the
log are on standard error, and with --json in the object.`,
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
	Warnings        []string      `json:"warnings"` // about the engine and the last record
}

// replicaLine is a server in the output of cluster status.
type replicaLine struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Version string `json:"version"`
	Applied uint64 `json:"applied"` // index of the last group that its readers see
	Durable uint64 `json:"durable"` // index of the last group that is synced in its directory
	Lag     uint64 `json:"lag"`     // groups that it has not applied
}

func clusterStatus(ctx context.Context, log sharedlog.Log) (*clusterOutput, error) {
	origin, err := log.Origin(ctx)
	if err != nil {
		return nil, logError(err)
	}
	replicas, err := log.Replicas(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	last, err := log.Last(ctx) // after the reports, so that no lag is negative
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
	for _, r := range replicas {
		out.Servers = append(out.Servers, replicaLine{r.ID.String(), r.Address, r.Program, r.Applied, r.Durable, last.Index - min(r.Applied, last.Index)})
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
		_, err := fmt.Fprintln(w, "no server has reported in the last seconds")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVER\tADDRESS\tVERSION\tAPPLIED\tDURABLE\tLAG")
	for _, s := range o.Servers {
		fmt.Fprintf(table, "%.8s\t%s\t%s\t%d\t%d\t%d\n", s.ID, EscapeControl(s.Address), EscapeControl(s.Version), s.Applied, s.Durable, s.Lag)
	}
	return table.Flush()
}
