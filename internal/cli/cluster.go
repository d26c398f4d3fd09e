package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/cluster"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// clusterTimeout bounds the requests of a command to the shared log.
const clusterTimeout = 10 * time.Second

func newClusterCommand(engines []Engine) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Manage a log that several servers share",
		Long: `cluster makes and inspects a log that several servers share (umadb serve --log). The log
is kept by an engine, PostgreSQL or etcd; each server has a complete copy of it in its
directory, and accepts reads and appends.`,
		Example: `  umadb cluster status --log postgres://umadb@db1,db2/orders`,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClusterCreateCommand(engines), newClusterStatusCommand(engines),
		newClusterVerifyCommand(engines), newClusterRepairCommand(engines), newClusterDetachCommand())
	return cmd
}

// clusterLog is the shared log of a command.
type clusterLog struct {
	engines  []Engine
	url      string
	warnings []string // what people should know about the engine
}

func (l *clusterLog) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.url, "log", "", "`URL` of the shared log; its password is in UMADB_LOG_PASSWORD")
}

// use opens the log, calls do, and closes the log.
func (l *clusterLog) use(ctx context.Context, cmd *cobra.Command, do func(sharedlog.Log) error) error {
	opening, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	log, warnings, err := openLog(opening, l.engines, l.url)
	if err != nil {
		return err
	}
	l.warnings = warnings
	logWarnings(newNotices(cmd.ErrOrStderr()), warnings)
	return errors.Join(do(log), log.Close())
}

// historyOf reads the history of a log, which must exist.
func historyOf(ctx context.Context, log sharedlog.Log) (*cluster.History, error) {
	history, err := cluster.Read(ctx, log)
	if errors.Is(err, sharedlog.ErrNoLog) {
		err = logError(err)
	}
	return history, err
}

// replicasOf returns the last reports of the servers of a log, which must exist.
func replicasOf(ctx context.Context, log sharedlog.Log) ([]sharedlog.Replica, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	replicas, err := log.Replicas(ctx)
	return replicas, logError(err)
}

// logError returns an error of a log, which must exist.
func logError(err error) error {
	if errors.Is(err, sharedlog.ErrNoLog) {
		return usageErrorf("%w: check its URL, or make it with umadb cluster create", err)
	}
	return unavailable(err)
}
