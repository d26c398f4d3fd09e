package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

func newPromoteCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "promote",
		Short: "Make the directory of a standby a store that can be written",
		Long: `promote makes the directory of a standby (umadb serve --standby-of) an ordinary store,
after its server was lost or for a planned switch. Stop the standby first. promote
verifies the end of the log, makes it durable, and prints where it ends and what was
last known of the server. Then umadb serve opens the directory, and appends get the
next positions.

The old server must not be served again, except as a standby of the new one.`,
		Example: `  umadb promote --db-path ./standby.db
  umadb promote --db-path ./standby.db --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return errEmptyPath
			}
			promoted, err := store.Promote(dir, &store.Options{Logger: newNotices(cmd.ErrOrStderr())})
			if _, locked := lockedByOther(err); locked {
				err = fmt.Errorf("%w; if it is the standby, stop it first", err)
			}
			if err != nil {
				return explainOpen(err, dir)
			}
			if asJSON {
				return ndjson.Write(cmd.OutOrStdout(), newPromotedOutput(promoted))
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), promotedText(dir, promoted))
			return err
		},
	}
	f := cmd.Flags()
	addPathFlag(f, &dir)
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// promotedOutput is the JSON output of promote.
type promotedOutput struct {
	Head       uint64     `json:"head"`
	LastCommit *time.Time `json:"last_commit"` // null if there is none
	Server     string     `json:"server,omitempty"`
	ServerHead *uint64    `json:"server_head"` // as last known; null if it was never known
	ServerTime *time.Time `json:"server_time"` // when that was known
	Missing    *uint64    `json:"missing"`     // events that the server was known to have and the copy does not
}

func newPromotedOutput(p *store.Promotion) *promotedOutput {
	out := &promotedOutput{Head: p.Head, Server: p.Server}
	if !p.LastCommit.IsZero() {
		out.LastCommit = &p.LastCommit
	}
	if !p.Known.IsZero() {
		out.ServerHead, out.ServerTime = &p.ServerHead, &p.Known
		out.Missing = new(max(p.ServerHead, p.Head) - p.Head)
	}
	return out
}

// promotedText returns the output of promote for people.
func promotedText(dir string, p *store.Promotion) string {
	text := fmt.Sprintf("%s is a store now; it ends at position %d", dir, p.Head)
	if !p.LastCommit.IsZero() {
		text += ", committed at " + p.LastCommit.Format(time.RFC3339Nano)
	}
	text += "\n"
	if p.Known.IsZero() {
		return text + "the head of the server that it followed is not known\n"
	}
	text += fmt.Sprintf("the server that it followed was last seen at %s, with its head at position %d", p.Known.Format(time.RFC3339Nano), p.ServerHead)
	if p.ServerHead > p.Head {
		return text + fmt.Sprintf(": %s missing\n", plural(p.ServerHead-p.Head, "event"))
	}
	return text + ": nothing is missing up to then\n"
}
