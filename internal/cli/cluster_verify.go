package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/cluster"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// serverTimeout bounds the comparison with one server.
const serverTimeout = 30 * time.Second

// verifyOptions are the flags of cluster verify.
type verifyOptions struct {
	log    clusterLog
	dir    string // empty if no directory is compared
	auth   auth   // of the servers
	asJSON bool
}

func newClusterVerifyCommand(engines []Engine) *cobra.Command {
	o := verifyOptions{log: clusterLog{engines: engines}}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the servers of a shared log with it",
		Long: `verify compares a shared log with the copies that its servers have, while they are used. The
chain of a commit depends on all commits before it, so one comparison shows whether a
server has the same history up to there; if it does not, verify finds the first commit
that differs. It changes nothing.

It asks each server that has reported to the log in the last 15 seconds, at the address of
its --advertise. A server requires a key with the right admin, if it requires keys. To
verify the files of a server, use umadb check.

With --db-path, it also compares a directory, which no server may have open, with each
commit that the log has, byte for byte.

The exit code is 0 if all are equal up to what they have applied, and 6 if a history
differs, or the log has lost commits that a server has (see umadb cluster repair). It is
5, or 4 if a key was refused, if nothing differs but a server was not compared.`,
		Example: `  umadb cluster verify --log postgres://umadb@db1,db2/orders
  umadb cluster verify --log postgres://umadb@db1,db2/orders --db-path ./uma.db`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.dir == "" && cmd.Flags().Changed("db-path") {
				return errEmptyPath
			}
			ctx, stop := untilSignal(cmd)
			defer stop()
			report := verifyReport{Servers: []serverReport{}}
			err := o.log.use(ctx, cmd, func(log sharedlog.Log) error { return o.compare(ctx, cmd, log, &report) })
			if err != nil {
				return asInterrupted(ctx, err)
			}
			failure := report.failure()
			report.OK = failure == nil
			return printReport(&report, failure, o.asJSON, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	o.log.addFlag(cmd)
	f.StringVar(&o.dir, "db-path", "", "`directory` of a server that is stopped, to compare it too")
	perCall(f, "db-path")
	o.auth.addFlags(f)
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	return cmd
}

// compare compares the directory, if there is one, and all other servers.
func (o *verifyOptions) compare(ctx context.Context, cmd *cobra.Command, log sharedlog.Log, report *verifyReport) error {
	replicas, err := replicasOf(ctx, log)
	if err != nil {
		return err
	}
	history, err := historyOf(ctx, log)
	if err != nil {
		return err
	}
	report.Log, report.Store = history.Origin.Log.String(), history.Origin.Store.String()
	report.First, report.Last = history.First, history.Last.Index
	var own sharedlog.ID // of the directory, whose server may have reported before it was stopped
	if o.dir != "" {
		if own, report.Directory, err = o.compareDirectory(ctx, cmd, history); err != nil {
			return err
		}
	}
	slices.SortFunc(replicas, func(a, b sharedlog.Replica) int {
		return strings.Compare(a.Address+a.ID.String(), b.Address+b.ID.String())
	})
	for _, r := range replicas {
		if r.ID == own {
			continue
		}
		line := serverReport{ID: r.ID.String(), Address: r.Address, Applied: r.Applied}
		result, err := o.compareServer(ctx, cmd, history, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the comparison has not ended after %v; try again", serverTimeout)}
		}
		line.set(result, err)
		report.Servers = append(report.Servers, line)
	}
	return nil
}

func (o *verifyOptions) compareServer(ctx context.Context, cmd *cobra.Command, history *cluster.History, r sharedlog.Replica) (cluster.Comparison, error) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	if r.Address == "" {
		return cluster.Comparison{}, &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server was started without --advertise"}
	}
	c, err := openUntil(ctx, func() (*client.Client, error) {
		return o.auth.dial(cmd.Flags(), r.Address, "its address is that of its --advertise")
	})
	if err != nil {
		return cluster.Comparison{}, err
	}
	defer c.Close()
	source := serverSource{Client: c, remedy: "upgrade it"}
	last, err := lastGroup(ctx, source, eventlog.GroupID(history.Origin.Point))
	if err != nil {
		return cluster.Comparison{}, err
	}
	return history.Compare(ctx, source, last)
}

// lastGroup returns the last group that a server has, which may be before the one that it has
// reported, or start if it does not have that one.
func lastGroup(ctx context.Context, source serverSource, start eventlog.GroupID) (index uint64, err error) {
	index = start.Index
	source.onHead = func(group, _ uint64) { index = group }
	for _, err := range source.Groups(ctx, start, false) {
		if errors.Is(err, dcb.ErrIntegrity) {
			return index, nil
		}
		return index, err
	}
	return index, nil
}

func (o *verifyOptions) compareDirectory(ctx context.Context, cmd *cobra.Command, history *cluster.History) (id sharedlog.ID, report *directoryReport, err error) {
	directory, err := history.OpenDirectory(vfs.OS{}, o.dir)
	if err != nil {
		return id, nil, explainDirectory(err, o.dir, "--db-path")
	}
	report = &directoryReport{Path: o.dir, Last: directory.Tail().Index}
	bar := newProgress(cmd.ErrOrStderr(), "comparing", "groups")
	report.set(history.CompareAll(ctx, directory, func(index uint64) { bar.show(index, report.Last) }))
	bar.clear()
	return directory.Replica, report, errors.Join(ctx.Err(), directory.Close())
}
