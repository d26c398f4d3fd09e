package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

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
				return explainDirectory(err, dir, "--db-path")
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
