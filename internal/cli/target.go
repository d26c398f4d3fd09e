package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// target is the store that a command uses: one on a server, or in a directory that the
// command opens itself.
type target struct {
	url  string
	dir  string // empty if the store is on a server
	auth auth
	// cacheBytes is store.Options.CacheBytes for a store in a directory.
	cacheBytes int64
	// readOnly opens a store in a directory read-only, so that another process can open it to append.
	readOnly bool
}

func (t *target) addFlags(flags *pflag.FlagSet) {
	addURLFlag(flags, &t.url)
	flags.StringVar(&t.dir, "db-path", "", "`directory` of a store to use instead of a server; if a server has it open, commands can only read it")
	excludes(flags, "url", "db-path")
	prefers(flags, "url", "db-path") // UMADB_DB_PATH may be set for a server in the same environment
	t.auth.addFlags(flags)
}

// addURLFlag adds the flag that names the server, or the servers.
func addURLFlag(flags *pflag.FlagSet, url *string) {
	flags.StringVar(url, "url", "http://127.0.0.1:50051", "`address` of the server: http://host:port, or https://host:port for TLS; to read or append events, several with the same events can be given: http://host:port,host:port")
}

// open opens the store. If it does not exist in the directory, open fails unless mayCreate
// is set.
func (t *target) open(cmd *cobra.Command, mayCreate bool) (dcb.EventStore, error) {
	flags := cmd.Flags()
	switch {
	case flags.Changed("url") && flags.Changed("db-path"):
		return nil, usageErrorf("--url and --db-path are both given: use only one")
	case flags.Changed("db-path"):
		opened, err := openLocal(t.dir, store.Options{MustExist: !mayCreate, ReadOnly: t.readOnly, Logger: newNotices(cmd.ErrOrStderr()), CacheBytes: t.cacheBytes})
		if _, locked := lockedByOther(err); locked {
			err = fmt.Errorf("%w; or, if it is a server, use --url %s", err, t.url)
		}
		return notNil(opened, err)
	}
	if err := t.auth.apiKey.load(flags); err != nil {
		return nil, err
	}
	return notNil(t.auth.dialServers(t.url, startServerRemedy))
}

// startServerRemedy is the remedy if there is no server at the URL.
const startServerRemedy = "start one with umadb serve, or set another --url or a --db-path"

// connectAgain opens further connections to the servers of an open store. It may be called
// concurrently.
func (t *target) connectAgain() (dcb.EventStore, error) {
	return notNil(t.auth.dialServers(t.url, startServerRemedy))
}

// name returns the URL or the directory.
func (t *target) name() string {
	if t.dir != "" {
		return t.dir
	}
	return t.url
}

// use opens the store, calls do with a context that a signal cancels, and closes the store.
func (t *target) use(cmd *cobra.Command, mayCreate bool, do func(context.Context, dcb.EventStore) error) error {
	ctx, stop := untilSignal(cmd)
	defer stop()
	opened, err := openUntil(ctx, func() (dcb.EventStore, error) { return t.open(cmd, mayCreate) })
	if err != nil {
		return err
	}
	return errors.Join(asInterrupted(ctx, do(ctx, opened)), opened.Close())
}

// notNil returns a nil interface instead of one with a nil pointer if there is an error.
func notNil[S dcb.EventStore](s S, err error) (dcb.EventStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openLocal opens the store in a directory. A command that writes creates it if necessary. A
// command that only reads sets MustExist; it opens the store read-only if it has no write
// permission, if another process has the store open, or if it is that of a standby or of a
// replica of a shared log.
func openLocal(dir string, options store.Options) (*store.Store, error) {
	opened, err := openDir(dir, &options)
	_, locked := lockedByOther(err)
	if options.MustExist && (locked || vfs.Denied(err) || errors.Is(err, store.ErrStandby) || errors.Is(err, store.ErrReplica)) {
		options.ReadOnly = true
		return openDir(dir, &options)
	}
	return opened, err
}

// openDir opens the store in a directory.
func openDir(dir string, options *store.Options) (*store.Store, error) {
	if dir == "" {
		return nil, errEmptyPath
	}
	opened, err := store.Open(dir, options)
	if options.MustExist {
		return opened, explainDirectory(err, dir, "--db-path")
	}
	return opened, explainOpen(err, dir)
}

// explainDirectory adds a remedy to the error of opening a store that must exist. flag names its
// directory.
func explainDirectory(err error, dir, flag string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store in %s; set its directory with %s", dir, flag)
	}
	return explainOpen(err, dir)
}

// explainOpen adds a remedy to the error of opening a store.
func explainOpen(err error, dir string) error {
	lock, locked := lockedByOther(err)
	switch {
	case errors.Is(err, store.ErrOtherHistory): // its files may be sound
		return err
	case errors.Is(err, dcb.ErrCorruption):
		return fmt.Errorf("%w; to see all problems, run: umadb check --db-path %q", err, dir)
	case locked && lock.PID == 0:
		return fmt.Errorf("%w; to find it, run: fuser %q", err, dir)
	case vfs.Denied(err):
		return fmt.Errorf("%w; allow this user to read the directory, and to write it unless the command only reads", err)
	}
	return err
}

// lockedByOther returns the error for a store that another process has open, if err is one.
func lockedByOther(err error) (lock *vfs.LockedError, locked bool) {
	locked = errors.As(err, &lock)
	return lock, locked && !lock.Self
}

// addPathFlag adds the flag that names the store's directory.
func addPathFlag(flags *pflag.FlagSet, dir *string) {
	flags.StringVar(dir, "db-path", "./uma.db", "`directory` of the event store")
}

var errEmptyPath = usageErrorf("--db-path is empty: set it to the directory of the event store")

// openResult is the result of opening a store.
type openResult[S io.Closer] struct {
	store S
	err   error
}

// openAsync opens a store in a goroutine. Opening takes long if the index must be rebuilt,
// and cannot be interrupted.
func openAsync[S io.Closer](open func() (S, error)) <-chan openResult[S] {
	done := make(chan openResult[S], 1)
	go func() {
		store, err := open()
		done <- openResult[S]{store, err}
	}()
	return done
}

// abandon closes a store when it is open. Nothing is lost if the process ends before.
func abandon[S io.Closer](result <-chan openResult[S]) {
	go func() {
		if o := <-result; o.err == nil {
			o.store.Close()
		}
	}()
}

// openUntil opens a store. If ctx is done before the store is open, it returns
// errInterrupted.
func openUntil[S io.Closer](ctx context.Context, open func() (S, error)) (S, error) {
	result := openAsync(open)
	select {
	case o := <-result:
		return o.store, o.err
	case <-ctx.Done():
		abandon(result)
		var none S
		return none, errInterrupted
	}
}
