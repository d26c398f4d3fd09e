package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/cluster"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// clusterRepairOptions are the flags of cluster repair.
type clusterRepairOptions struct {
	log    clusterLog
	dir    string
	change bool
	asJSON bool
}

func newClusterRepairCommand(engines []Engine) *cobra.Command {
	o := clusterRepairOptions{log: clusterLog{engines: engines}}
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Append to a shared log what it has lost and a server has",
		Long: `repair is for an engine that has lost the end of a shared log, for example in a failover
without synchronous replication, or because a backup of it was restored. A server that has
more then accepts no appends, and does not start. repair compares the log with the
directory of that server, and reports what the log has lost. It changes nothing unless
--append is given. No server may have the directory open.

With --append, the commits of the directory after the end of the log are appended to it,
byte for byte. Use the directory that has most: umadb cluster status shows what each server
has applied. Start the servers again afterwards. If repair is interrupted, run it again.

If other commits were appended after the log had lost its end, there are two histories.
Then repair only reports where they differ, and a person must choose. To keep that of the
log, make a new directory for each server that differs. To keep that of a directory, or if
the engine has lost the whole log: make it a store with umadb cluster detach, and a new log
from it with umadb cluster create --from.

The exit code is 6 if the log has still lost commits, or the histories differ.`,
		Example: `  umadb cluster repair --log postgres://umadb@db1,db2/orders --db-path ./uma.db
  umadb cluster repair --log postgres://umadb@db1,db2/orders --db-path ./uma.db --append`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.dir == "" {
				return errEmptyPath
			}
			ctx, stop := untilSignal(cmd)
			defer stop()
			report := clusterRepairReport{Path: o.dir, URL: o.log.url}
			err := o.log.use(ctx, cmd, func(log sharedlog.Log) error { return o.repair(ctx, cmd.ErrOrStderr(), log, &report) })
			if err != nil && ctx.Err() != nil {
				err = fmt.Errorf("%w; what was appended remains: run the same command again", errInterrupted)
			}
			if err != nil {
				return err
			}
			failure := report.failure()
			report.OK = failure == nil
			return printReport(&report, failure, o.asJSON, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	o.log.addFlag(cmd)
	addPathFlag(f, &o.dir)
	f.BoolVar(&o.change, "append", false, "append what the shared log has lost")
	perCall(f, "append")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	return cmd
}

func (o *clusterRepairOptions) repair(ctx context.Context, stderr io.Writer, log sharedlog.Log, report *clusterRepairReport) (err error) {
	history, err := historyOf(ctx, log)
	if err != nil {
		return err
	}
	directory, err := history.OpenDirectory(vfs.OS{}, o.dir)
	if err != nil {
		return explainDirectory(err, o.dir, "--db-path")
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	last := directory.Tail().Index
	if directory.Replica == (sharedlog.ID{}) {
		return notOfServer(o.dir, directory.Corrupt)
	}
	if err := mustHaveMost(ctx, log, last); err != nil {
		return err
	}
	report.Log, report.Last = history.Origin.Log.String(), history.Last.Index
	result, err := history.Compare(ctx, directory, last)
	if err != nil || !result.Ahead {
		report.Difference = result.Difference
		return err
	}
	if report.Lost, err = history.Lost(ctx, directory); err != nil || !o.change {
		return err
	}
	bar := newProgress(stderr, "appending", "groups")
	defer bar.clear()
	report.Appended, err = history.Append(ctx, directory, func(index uint64) { bar.show(index-report.Last, report.Lost.Groups) })
	return err
}

// notOfServer returns the error of a directory that is not known to be that of a server of the shared
// log. corrupt is set if it has a mark that is corrupt.
func notOfServer(dir string, corrupt bool) error {
	const why = "so the log may never have had its commits"
	if corrupt {
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("the file SHARED of %s is corrupt, %s; use the directory of another server", dir, why)}
	}
	return usageErrorf("%s is not the directory of a server of the shared log, %s", dir, why)
}

// mustHaveMost returns an error if a server has more than the directory, whose last group is
// given. Its commits could not be appended later if others were appended before.
func mustHaveMost(ctx context.Context, log sharedlog.Log, last uint64) error {
	replicas, err := replicasOf(ctx, log)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		if r.Applied > last {
			return usageErrorf("the directory ends with group %d, and the server %s has group %d: stop that server, and use its directory; if it is lost, try again in %v", last, r.Address, r.Applied, sharedlog.ReportTTL)
		}
	}
	return nil
}

// clusterRepairReport is the output of cluster repair.
type clusterRepairReport struct {
	OK         bool                `json:"ok"`
	Path       string              `json:"db_path"`
	URL        string              `json:"-"`
	Log        string              `json:"log"`
	Last       uint64              `json:"last"` // index of the last group of the log before
	Lost       cluster.Lost        `json:"lost"` // by the log
	Appended   uint64              `json:"appended"`
	Difference *cluster.Difference `json:"difference,omitempty"`
}

// failure returns nil if the log has all groups of the directory.
func (r *clusterRepairReport) failure() error {
	switch {
	case r.Difference != nil:
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: "the histories differ, so nothing can be appended; choose one: see umadb cluster repair --help"}
	case r.Appended < r.Lost.Groups:
		return &dcb.Error{Kind: dcb.ErrCorruption, Detail: "the shared log has lost commits"}
	}
	return nil
}

func (r *clusterRepairReport) text() string {
	var b strings.Builder
	switch lost := r.Lost; {
	case r.Difference != nil:
		b.WriteString(differenceText(r.Difference, r.Path))
	case lost.Groups == 0:
		fmt.Fprintf(&b, "the shared log has all commits of %s\n", r.Path)
	default:
		fmt.Fprintf(&b, "the shared log ends with group %d, and has lost %s with %s of %s, from position %d on, committed from %s to %s\n",
			r.Last, plural(lost.Groups, "group"), plural(lost.Events, "event"), r.Path, lost.First.Position,
			lost.First.Time.Format(time.RFC3339Nano), lost.Last.Time.Format(time.RFC3339Nano))
	}
	switch {
	case r.Appended > 0:
		fmt.Fprintf(&b, "appended %s; start the servers again\n", plural(r.Appended, "group"))
	case r.Lost.Groups > 0:
		fmt.Fprintf(&b, "nothing was changed; to append them: umadb cluster repair --log %q --db-path %q --append\n", r.URL, r.Path)
	}
	return b.String()
}
