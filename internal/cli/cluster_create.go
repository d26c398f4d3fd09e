package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/store"
)

func newClusterCreateCommand(engines []Engine) *cobra.Command {
	log := clusterLog{engines: engines}
	var from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a shared log, empty or after the events of a store",
		Long: `create makes a shared log. It is empty, or with --from it starts after the last commit of an
existing store, whose directory then becomes that of the first server, and is refused
without --log. The other servers start with an empty directory, and read what comes before
the log from a server that has it.

It fails if the log exists. A server never makes a log, so that a mistyped URL does not
begin an empty history.`,
		Example: `  umadb cluster create --log postgres://umadb@db1,db2/orders
  umadb cluster create --log postgres://umadb@db1,db2/orders --from ./uma.db`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			var origin sharedlog.Origin
			err := log.use(ctx, cmd, func(log sharedlog.Log) (err error) {
				origin, err = createLog(ctx, log, from)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), &createdOutput{origin.Log.String(), origin.Store.String(), origin.Point.Index})
			}
			if from == "" {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the shared log %s is empty; start its servers with umadb serve --log\n", origin.Log)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the shared log %s starts after group %d, the last one of %s; start its servers with umadb serve --log, and that of this directory first\n", origin.Log, origin.Point.Index, EscapeControl(from))
			return err
		},
	}
	f := cmd.Flags()
	log.addFlag(cmd)
	f.StringVar(&from, "from", "", "`directory` of a store that is not open, whose events come before the log")
	perCall(f, "from")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// createdOutput is the JSON output of cluster create.
type createdOutput struct {
	Log   string `json:"log"`
	Store string `json:"store"`
	After uint64 `json:"after"` // index of the group after which the log starts
}

// createLog makes a shared log, after the events of a store if from is not empty.
func createLog(ctx context.Context, log sharedlog.Log, from string) (origin sharedlog.Origin, err error) {
	// Opening the store can take long, so each request has a limit of its own.
	asking, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	if existing, err := log.Origin(asking); err == nil {
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
			return origin, explainDirectory(err, from, "--from")
		}
	}
	creating, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	created, err := log.Create(creating, origin)
	switch {
	case err != nil:
		return origin, unavailable(err)
	case created != origin:
		return origin, logExists(created)
	case from == "":
		return origin, nil
	}
	if err := store.MarkShared(from, nil, origin.Log); err != nil {
		return origin, fmt.Errorf("the shared log %s was made, but %s is not marked as its directory; start its server with umadb serve --log, not without: %w", origin.Log, from, err)
	}
	return origin, nil
}

func logExists(o sharedlog.Origin) error {
	return usageErrorf("the shared log exists: %s, after group %d; start its servers with umadb serve --log", o.Log, o.Point.Index)
}
