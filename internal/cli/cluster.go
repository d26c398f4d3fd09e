package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/store"
)

// clusterTimeout bounds the requests of a command to the shared log.
const clusterTimeout = 10 * time.Second

func newClusterCommand(engines []Engine) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Manage a log that several servers share",
		Long: `cluster makes and inspects a log that several servers share (umadb serve --log). The log
is kept by an engine such as PostgreSQL; each server has a complete copy of it in its
directory, and accepts reads and appends.`,
		Example: `  umadb cluster status --log postgres://umadb@db1,db2/orders`,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClusterCreateCommand(engines), newClusterStatusCommand(engines), newClusterDetachCommand())
	return cmd
}

func newClusterCreateCommand(engines []Engine) *cobra.Command {
	var url, from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a shared log, empty or after the events of a store",
		Long: `create makes a shared log. It is empty, or with --from it starts after the last commit of an
existing store, whose directory then becomes that of the first server. The other servers
start with a copy of that directory, made while no server has it open.

It fails if the log exists. A server never makes a log, so that a mistyped URL does not
begin an empty history.`,
		Example: `  umadb cluster create --log postgres://umadb@db1,db2/orders
  umadb cluster create --log postgres://umadb@db1,db2/orders --from ./uma.db`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), clusterTimeout)
			defer cancel()
			log, err := openLog(ctx, engines, url, newNotices(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			origin, err := createLog(ctx, log, from)
			if err = errors.Join(err, log.Close()); err != nil {
				return err
			}
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), &createdOutput{origin.Log.String(), origin.Store.String(), origin.Point.Index})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the shared log %s starts after group %d; start its servers with umadb serve --log\n", origin.Log, origin.Point.Index)
			return err
		},
	}
	f := cmd.Flags()
	addLogFlag(cmd, &url)
	f.StringVar(&from, "from", "", "`directory` of a store that is not open, whose events come before the log")
	perCall(f, "from")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// addLogFlag adds the flag that names a shared log.
func addLogFlag(cmd *cobra.Command, url *string) {
	cmd.Flags().StringVar(url, "log", "", "`URL` of the shared log; its password is in UMADB_LOG_PASSWORD")
}

// createdOutput is the JSON output of cluster create.
type createdOutput struct {
	Log   string `json:"log"`
	Store string `json:"store"`
	After uint64 `json:"after"` // index of the group after which the log starts
}

// createLog makes a shared log, after the events of a store if from is not empty.
func createLog(ctx context.Context, log sharedlog.Log, from string) (origin sharedlog.Origin, err error) {
	if existing, err := log.Origin(ctx); err == nil {
		return origin, logExists(existing)
	} else if !errors.Is(err, sharedlog.ErrNoLog) {
		return origin, unavailable(err)
	}
	for _, id := range []*sharedlog.ID{&origin.Log, &origin.Store} {
		if _, err := rand.Read(id[:]); err != nil {
			return origin, err
		}
	}
	if from != "" {
		if origin.Store, origin.Point, err = store.SharedOrigin(from, nil); err != nil {
			return origin, explainOpen(err, from)
		}
	}
	created, err := log.Create(ctx, origin)
	if err == nil && created != origin {
		return origin, logExists(created)
	}
	return origin, unavailable(err)
}

func logExists(o sharedlog.Origin) error {
	return usageErrorf("the shared log exists: %s, after group %d; start its servers with umadb serve --log", o.Log, o.Point.Index)
}

func newClusterStatusCommand(engines []Engine) *cobra.Command {
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print what a shared log and its servers have",
		Long: `status prints the end of a shared log, and for each server what it has applied and what is
durable in its directory, as it reported in the last seconds.`,
		Example: `  umadb cluster status --log postgres://umadb@db1,db2/orders`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), clusterTimeout)
			defer cancel()
			log, err := openLog(ctx, engines, url, newNotices(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			status, err := clusterStatus(ctx, log)
			if err = errors.Join(err, log.Close()); err != nil {
				return err
			}
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), status)
			}
			return status.print(cmd.OutOrStdout())
		},
	}
	addLogFlag(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// clusterOutput is the JSON output of cluster status.
type clusterOutput struct {
	Log     string        `json:"log"`
	Store   string        `json:"store"`
	After   uint64        `json:"after"` // index of the group after which the log starts
	Last    uint64        `json:"last"`  // index of its last group
	Servers []replicaLine `json:"servers"`
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
	if errors.Is(err, sharedlog.ErrNoLog) {
		return nil, usageErrorf("%w: check its URL, or make it with umadb cluster create", err)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	replicas, err := log.Replicas(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	last, err := log.Last(ctx) // after the reports, so that no lag is negative
	if err != nil {
		return nil, unavailable(err)
	}
	out := &clusterOutput{Log: origin.Log.String(), Store: origin.Store.String(), After: origin.Point.Index, Last: last.Index, Servers: []replicaLine{}}
	for _, r := range replicas {
		out.Servers = append(out.Servers, replicaLine{r.ID.String(), r.Address, r.Program, r.Applied, r.Durable, last.Index - min(r.Applied, last.Index)})
	}
	slices.SortFunc(out.Servers, func(a, b replicaLine) int { return strings.Compare(a.Address+a.ID, b.Address+b.ID) })
	return out, nil
}

func (o *clusterOutput) print(w io.Writer) error {
	fmt.Fprintf(w, "log %s, from group %d to %d\n", o.Log, o.After+1, o.Last)
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

func newClusterDetachCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "detach",
		Short: "Make the directory of a server of a shared log a store of its own",
		Long: `detach makes the directory of a server of a shared log an ordinary store, which umadb serve
opens without --log. Stop the server first. What the directory has not received from
the shared log is missing in the store. The directory can no longer be used with the shared log
once events were appended to it.`,
		Example: `  umadb cluster detach --db-path ./uma.db`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return errEmptyPath
			}
			detached, err := store.Detach(dir, &store.Options{Logger: newNotices(cmd.ErrOrStderr())})
			if err != nil {
				return explainOpen(err, dir)
			}
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), &detachedOutput{detached.Log.String(), detached.Head})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is a store now; it ends at position %d\n", dir, detached.Head)
			return err
		},
	}
	addPathFlag(cmd.Flags(), &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// detachedOutput is the JSON output of cluster detach.
type detachedOutput struct {
	Log  string `json:"log"`
	Head uint64 `json:"head"`
}
