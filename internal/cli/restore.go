package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/selection"
	"github.com/umadb-go/umadb/internal/vfs"
)

// restoreOptions are the flags of restore.
type restoreOptions struct {
	from    string
	objects objectStore
	until   restorePoint
	asJSON  bool
}

func newRestoreCommand() *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore --from {DIR | URL} DIR",
		Short: "Make a store from a backup, also up to an earlier point",
		Long: `restore makes a new store directory from a backup in a directory or an object store,
or from any store that no process has open. It never overwrites: the directory must
not exist, or be empty.

With --until and a position, the event at that position is the last one. If its commit
has more events, they are left out, so the last append may be incomplete. With --until
and a time, the store ends with the last commit at or before that time.

The store has the store ID of the original. Once it is written, its history is another
one: backups of the original cannot be continued from it, and go to a new directory.

The store gets its name when it is complete and synced to the disk. A restore that was
interrupted can be run again. The index is built when the store is opened.`,
		Example: `  umadb restore --from ./backup ./uma.db
  umadb restore --from ./backup --until 2026-11-26T14:30:00Z ./uma.db
  umadb restore --from ./backup --until 1234 ./uma.db
  umadb restore --from s3://backups/orders ./uma.db`,
		ValidArgsFunction: completeDirectories,
		Args:              oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.from == "" {
				return usageErrorf("--from is missing: name the directory of the backup, or its URL such as s3://bucket/prefix")
			}
			if !backup.IsS3(o.from) && strings.Contains(o.from, "://") {
				return usageErrorf("--from %s is not the URL of an object store: write s3://bucket/prefix, or the path of a directory", o.from)
			}
			ctx, stop := untilSignal(cmd)
			defer stop()
			return o.run(ctx, cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "`directory` of the backup, or a URL such as s3://bucket/prefix")
	o.objects.addFlags(f)
	f.Var(&o.until, "until", "`position` of the last event, or a time such as 2026-11-26T14:30:00Z")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	perCall(f, "from", "until")
	return cmd
}

func (o *restoreOptions) openSource(ctx context.Context) (backupSource, error) {
	if backup.IsS3(o.from) {
		s, err := o.objects.source(ctx, o.from)
		return s, asInterrupted(ctx, err)
	}
	return openUntil(ctx, func() (backupSource, error) {
		s, err := backup.OpenSource(vfs.OS{}, o.from)
		if _, locked := lockedByOther(err); locked {
			err = fmt.Errorf("%w; if it is a backup, start it again afterwards", err)
		}
		return sourceOrNil(s, explainOpen(err, o.from))
	})
}

func (o *restoreOptions) run(ctx context.Context, cmd *cobra.Command, dir string) error {
	source, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	head, err := source.Head(ctx)
	if err != nil {
		return err
	}
	if o.until.Position != 0 {
		head = o.until.Position
	}
	start := time.Now()
	n := &backupNotices{stderr: cmd.ErrOrStderr(), bar: newProgress(cmd.ErrOrStderr(), "restoring", "events"), head: head}
	summary, err := backup.Restore(ctx, source, backup.Place{FS: vfs.OS{}, Path: dir}, o.until.Until, &backup.Options{Observer: n})
	n.bar.clear()
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w; there is no store in %s yet: run the same command again", errInterrupted, dir)
		}
		return explainOpen(err, o.from)
	}
	done := newCopied(&summary, time.Since(start))
	fmt.Fprintf(cmd.ErrOrStderr(), "umadb: restored %s in %s; %s %s\n", copiedText(&summary), pace(summary.Events, time.Since(start)), dir, done.end())
	if !o.asJSON {
		return nil
	}
	return ndjson.Write(cmd.OutOrStdout(), done)
}

// restorePoint is a flag: a position, or a time with its zone.
type restorePoint struct {
	backup.Until
	text string
}

// String returns the point as the user wrote it.
func (p *restorePoint) String() string { return p.text }

// Set parses a position or a time.
func (p *restorePoint) Set(text string) error {
	p.text, p.Until = text, backup.Until{}
	if position, err := strconv.ParseUint(text, 10, 64); err == nil {
		p.Position = position
		if position == 0 {
			return fmt.Errorf("the first position is 1")
		}
		return nil
	}
	at, err := selection.ParseZoned(text)
	switch {
	case errors.Is(err, selection.ErrWithoutZone):
		return err
	case err != nil:
		return fmt.Errorf("it is neither a position nor a time such as 2026-11-26T14:30:00Z")
	}
	p.Time = at
	return nil
}

// Type returns the placeholder in the help.
func (p *restorePoint) Type() string { return "position" }
