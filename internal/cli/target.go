package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// target is the store that a command uses: one on a server, or in a directory that the
// command opens itself.
type target struct {
	url  string
	dir  string // empty if the store is on a server
	auth auth
}

// auth configures the connection to a server.
type auth struct {
	caFile string
	apiKey apiKey
	// noResume ends subscriptions when the server stops or the connection is lost.
	noResume bool
}

func (t *target) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.url, "url", "http://127.0.0.1:50051", "`address` of the server: http://host:port, or https://host:port for TLS")
	flags.StringVar(&t.dir, "db-path", "", "`directory` of a store to use instead of a server; no server may have it open")
	excludes(flags, "url", "db-path")
	prefers(flags, "url", "db-path") // UMADB_DB_PATH may be set for a server in the same environment
	t.auth.addFlags(flags)
}

func (a *auth) addFlags(flags *pflag.FlagSet) {
	a.apiKey.addFlags(flags, "API `key` that the server requires")
	flags.StringVar(&a.caFile, "ca", "", "PEM `file` with the CA certificates of the server, if the system does not trust them")
}

// connectTimeout is how long to wait for a server that does not respond.
const connectTimeout = 2 * time.Second

// dial connects to a server. remedy is part of the error if there is no server at url.
func (a *auth) dial(flags *pflag.FlagSet, url, remedy string) (*client.Client, error) {
	if err := a.apiKey.load(flags); err != nil {
		return nil, err
	}
	c, err := client.Dial(url, &client.Options{
		CAFile:         a.caFile,
		APIKey:         a.apiKey.key,
		ConnectTimeout: connectTimeout,
		FailFast:       true,
		NoResume:       a.noResume,
	})
	switch {
	case errors.Is(err, dcb.ErrInvalidArgument):
		err = usageError{err}
	case errors.Is(err, dcb.ErrTransport):
		err = fmt.Errorf("%w; %s", err, hint(err.Error(), remedy))
	}
	return c, err
}

// hint returns the likely remedy for a failed connection.
func hint(message, remedy string) string {
	switch {
	case strings.Contains(message, "x509:"):
		return "to trust the certificate, name the file of its CA with --ca"
	case strings.Contains(message, "does not look like a TLS handshake"):
		return "the server does not use TLS: use http:// in its URL"
	case strings.Contains(message, "no answer in HTTP/2"):
		return "it is not an UmaDB server, or it uses TLS: then use https:// in its URL"
	}
	return "is a server running there? " + remedy
}

// open opens the store. If it does not exist in the directory, open fails unless mayCreate
// is set.
func (t *target) open(cmd *cobra.Command, mayCreate bool) (dcb.EventStore, error) {
	flags := cmd.Flags()
	switch {
	case flags.Changed("url") && flags.Changed("db-path"):
		return nil, usageErrorf("--url and --db-path are both given: use only one")
	case flags.Changed("db-path"):
		opened, err := openLocal(t.dir, newNotices(cmd.ErrOrStderr()), mayCreate)
		if errors.Is(err, vfs.ErrLocked) {
			err = fmt.Errorf("%w; to connect to the server, use --url %s", err, t.url)
		}
		return notNil(opened, err)
	}
	return notNil(t.auth.dial(flags, t.url, "start one with umadb serve, or set another --url or a --db-path"))
}

// openLocal opens the store in a directory. A command that writes creates it if necessary. A
// command that only reads opens it read-only if it has no write permission.
func openLocal(dir string, logger *slog.Logger, writes bool) (*store.Store, error) {
	options := store.Options{MustExist: !writes, Logger: logger}
	opened, err := openDir(dir, &options)
	if !writes && vfs.Denied(err) {
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
	if errors.Is(err, fs.ErrNotExist) && options.MustExist {
		return nil, fmt.Errorf("there is no store in %s; set its directory with --db-path", dir)
	}
	return opened, explainOpen(err, dir)
}

var errEmptyPath = usageErrorf("--db-path is empty: set it to the directory of the event store")

// notNil returns a nil interface instead of one with a nil pointer if there is an error.
func notNil[S dcb.EventStore](s S, err error) (dcb.EventStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// use opens the store, calls do with a context that a signal cancels, and closes the store.
func (t *target) use(cmd *cobra.Command, mayCreate bool, do func(context.Context, dcb.EventStore) error) error {
	ctx, stop := untilSignal(cmd)
	defer stop()
	opened, err := openUntil(ctx, func() (dcb.EventStore, error) { return t.open(cmd, mayCreate) })
	if err != nil {
		return err
	}
	err = do(ctx, opened)
	if err != nil && ctx.Err() != nil {
		err = errInterrupted
	}
	return errors.Join(err, opened.Close())
}

var errInterrupted = errors.New("interrupted")
