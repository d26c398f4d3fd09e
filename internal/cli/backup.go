package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/vfs"
)

// backupOptions are the flags of backup.
type backupOptions struct {
	target   target
	to       string
	objects  objectStore
	follow   bool
	interval time.Duration
	rate     byteRate
	asJSON   bool
}

func newBackupCommand() *cobra.Command {
	var o backupOptions
	cmd := &cobra.Command{
		Use:   "backup {DIR | --to URL}",
		Short: "Copy a store to a directory or an object store, once or continuously",
		Long: `backup copies the commits of a store, as they are stored, to a directory or to an
object store: from a server while it runs, or from a directory, also one that a server on this machine has
open. A server requires a key with the rights read and admin.

The first backup copies everything. The same command run again copies what is new, after
comparing the end of the copy with the store. It fails if the store does not continue
the copy: because the copy was written, or the store was restored to an earlier point or
is another one. An interrupted backup is continued by running it again.

With --follow, new commits are copied as they are made, until Ctrl-C: the copy
lags by seconds at most. If the server stops, backup tries again until it is back.

With --to s3://BUCKET/PREFIX, the copy consists of objects, which are created and never
overwritten: one for each complete segment, and smaller ones with the commits since. With
--follow, such an object is created at an --interval if there are new commits. Small objects
are merged into larger ones and deleted. A prefix is for one store. Credentials, region and endpoint come from the environment, as for other
programs: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE,
AWS_REGION, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL, or from the machine or pod. A segment
being collected is a temporary file of up to 256 MiB in TMPDIR.

A copy in a directory is a store directory, with the same events at the same positions: umadb serve
can serve it, umadb check verifies it, and umadb restore makes a store from it, also up
to an earlier point. What is printed at the end is on the disk or in the object store.`,
		Example: `  umadb backup ./backup
  umadb backup --url https://db.example.com:50051 --api-key-file key --follow ./backup
  umadb backup --db-path ./uma.db --rate 50MiB ./backup
  umadb backup --follow --to s3://backups/orders`,
		ValidArgsFunction: completeDirectories,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(cmd, args); err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd)
			defer stop()
			return o.run(ctx, cmd)
		},
	}
	f := cmd.Flags()
	o.target.addFlags(f)
	f.BoolVar(&o.follow, "follow", false, "copy new commits as they are made, until Ctrl-C")
	f.StringVar(&o.to, "to", "", "`URL` of the copy in an object store: s3://bucket/prefix")
	o.objects.addFlags(f)
	f.DurationVar(&o.interval, "interval", 5*time.Second, "`duration` between new objects in an object store with --follow")
	f.Var(&o.rate, "rate", "maximum number of `bytes` copied in a second, such as 50MiB")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	perCall(f, "follow", "rate", "to", "interval")
	return cmd
}

// oneDirectory requires the argument DIR.
func oneDirectory(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageErrorf("%q takes one DIR, not %d: name the directory to write", cmd.CommandPath(), len(args))
	}
	return nil
}

// completeDirectories completes the names of directories.
var completeDirectories = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)

func (o *backupOptions) validate(cmd *cobra.Command, args []string) error {
	local := cmd.Flags().Changed("db-path")
	given := cmd.Flags().Changed("to")
	switch {
	case given && len(args) > 0:
		return usageErrorf("%s and --to are both given: use only one", args[0])
	case given && o.to == "":
		return usageErrorf("--to is empty: name a URL such as s3://bucket/prefix")
	case given && !backup.IsS3(o.to):
		return usageErrorf("--to %s is not the URL of an object store: write s3://bucket/prefix, or name a directory without --to", o.to)
	case len(args) == 1 && !backup.IsS3(args[0]) && strings.Contains(args[0], "://"):
		return usageErrorf("%s is not the URL of an object store: write s3://bucket/prefix, or the path of a directory", args[0])
	case o.interval < time.Second:
		return usageErrorf("--interval is %s: it must be at least 1s", o.interval)
	case local && cmd.Flags().Changed("url"):
		return usageErrorf("--url and --db-path are both given: use only one")
	case local && o.target.dir == "":
		return errEmptyPath
	}
	if !given {
		if err := oneDirectory(cmd, args); err != nil {
			return err
		}
		o.to = args[0]
	}
	if local && !backup.IsS3(o.to) && isInside(o.to, o.target.dir) {
		return usageErrorf("%s is in the directory of the store: the copy would be lost with it; choose another directory", o.to)
	}
	return nil
}

// backupTarget is a copy that is being written.
type backupTarget interface {
	backup.Target
	Durable() eventlog.Tail
}

// openTarget opens the copy.
func (o *backupOptions) openTarget(ctx context.Context, n *backupNotices) (backupTarget, error) {
	if backup.IsS3(o.to) {
		var retry func(error)
		if o.follow {
			retry = n.Retry
		}
		return o.objects.target(ctx, o.to, retry)
	}
	to, err := openUntil(ctx, func() (*backup.DirectoryTarget, error) { return backup.OpenTarget(vfs.OS{}, o.to) })
	if err != nil {
		return nil, explainOpen(err, o.to)
	}
	return to, nil
}

func (o *backupOptions) run(ctx context.Context, cmd *cobra.Command) error {
	source, err := openUntil(ctx, func() (backupSource, error) { return o.open(cmd) })
	if err != nil {
		return err
	}
	defer source.Close()
	head, err := source.Head(ctx) // an invalid key must not leave a new directory
	if err != nil {
		return asInterrupted(ctx, err)
	}
	n := &backupNotices{stderr: cmd.ErrOrStderr(), bar: newProgress(cmd.ErrOrStderr(), "copying", "events"), head: head}
	to, err := o.openTarget(ctx, n)
	if err != nil {
		return asInterrupted(ctx, err)
	}
	start := time.Now()
	options := &backup.Options{Rate: int64(o.rate), Observer: n}
	if backup.IsS3(o.to) {
		options.SyncEvery, options.Bundle = o.interval, true
	}
	copyTo := backup.Copy
	if o.follow {
		copyTo = backup.Follow
	}
	summary, err := copyTo(ctx, source, to, options)
	n.bar.clear()
	if o.follow && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // an interruption is the regular end of following
	}
	if closeErr := to.Close(); closeErr != nil {
		return errors.Join(asInterrupted(ctx, err), closeErr)
	}
	if err != nil {
		return explainCopy(asInterrupted(ctx, err), &summary, to.Durable())
	}
	done := newCopied(&summary, time.Since(start))
	fmt.Fprintf(cmd.ErrOrStderr(), "umadb: copied %s in %s; %s %s\n", copiedText(&summary), pace(summary.Events, time.Since(start)), o.to, done.end())
	if !o.asJSON {
		return nil
	}
	return ndjson.Write(cmd.OutOrStdout(), done)
}

// byteRate is a flag: a number of bytes a second, as in 50MiB.
type byteRate int64

// String returns the rate; it is empty if there is no limit.
func (r *byteRate) String() string {
	if *r == 0 {
		return ""
	}
	return fmt.Sprint(int64(*r))
}

// Set parses a number with a unit.
func (r *byteRate) Set(text string) error {
	n, err := parseBytes(text)
	*r = byteRate(n)
	return err
}

// Type returns the placeholder in the help.
func (r *byteRate) Type() string { return "bytes" }
