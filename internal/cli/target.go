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

// target is the store that a command is about: one on a server, or a directory
// that is opened in this process.
type target struct {
	url  string
	dir  string // empty for the server
	auth auth
}

// auth is what a server may ask of its clients.
type auth struct {
	caFile string
	apiKey apiKey
	// noResume makes subscriptions end when the server stops or the connection breaks.
	noResume bool
}

func (t *target) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.url, "url", "http://127.0.0.1:50051", "`address` of the server: http://host:port, or https:// with TLS")
	flags.StringVar(&t.dir, "db-path", "", "`directory` of a store that no server has open, to work on instead of a server")
	excludes(flags, "url", "db-path")
	prefers(flags, "url", "db-path") // a server's environment has the latter, for the server
	t.auth.addFlags(flags)
}

func (a *auth) addFlags(flags *pflag.FlagSet) {
	a.apiKey.addFlags(flags, "`key` that the server asks for")
	flags.StringVar(&a.caFile, "ca", "", "`file` with the certificates that may have signed the server's, if the system does not know them (PEM)")
}

// connectTimeout is how long a person waits to hear that a server is silent.
const connectTimeout = 2 * time.Second

// dial connects to a server, with what the flags of a command say. An error tells
// what else can be named, if nobody answers.
func (a *auth) dial(flags *pflag.FlagSet, url, others string) (*client.Client, error) {
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
		err = fmt.Errorf("%w; %s", err, hint(err.Error(), others))
	}
	return c, err
}

// hint guesses what to do when there is no connection.
func hint(said, others string) string {
	switch {
	case strings.Contains(said, "x509:"):
		return "if the certificate is to be trusted, name the file of who signed it with --ca"
	case strings.Contains(said, "does not look like a TLS handshake"):
		return "the server has no TLS: write http:// in its URL"
	case strings.Contains(said, "no answer in HTTP/2"):
		return "it is no UmaDB server, or it has TLS: then write https:// in its URL"
	}
	return "is a server running there? " + others
}

// open opens the store. A directory without one is an error unless it may be made.
func (t *target) open(cmd *cobra.Command, mayMake bool) (dcb.EventStore, error) {
	flags := cmd.Flags()
	switch {
	case flags.Changed("url") && flags.Changed("db-path"):
		return nil, usageErrorf("--url and --db-path are both given: name the server or the directory")
	case flags.Changed("db-path"):
		opened, err := openLocal(t.dir, newNotices(cmd.ErrOrStderr()), mayMake)
		if errors.Is(err, vfs.ErrLocked) {
			err = fmt.Errorf("%w; to connect to a server: --url %s", err, t.url)
		}
		return notNil(opened, err)
	}
	return notNil(t.auth.dial(flags, t.url, "umadb serve starts one, --url names another, --db-path a directory"))
}

// openLocal opens the store in a directory for a command that writes, and then may
// make it, or for one that reads. To read, a directory that may not be written is
// taken as it is.
func openLocal(dir string, logger *slog.Logger, writes bool) (*store.Store, error) {
	options := store.Options{MustExist: !writes, Logger: logger}
	opened, err := openDir(dir, &options)
	if !writes && vfs.Denied(err) {
		options.ReadOnly = true
		return openDir(dir, &options)
	}
	return opened, err
}

// openDir opens the store in a directory, in this process.
func openDir(dir string, options *store.Options) (*store.Store, error) {
	if dir == "" {
		return nil, errEmptyPath
	}
	opened, err := store.Open(dir, options)
	if errors.Is(err, fs.ErrNotExist) && options.MustExist {
		return nil, fmt.Errorf("there is no store in %s; name its directory with --db-path", dir)
	}
	return opened, explainOpen(err, dir)
}

var errEmptyPath = usageErrorf("--db-path is empty: name the directory of the event store")

// notNil keeps a nil pointer from becoming an interface that is not nil.
func notNil[S dcb.EventStore](s S, err error) (dcb.EventStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// use opens the store, does something with it until a signal comes, and closes it.
func (t *target) use(cmd *cobra.Command, mayMake bool, do func(context.Context, dcb.EventStore) error) error {
	ctx, stop := untilSignal(cmd)
	defer stop()
	opened, err := openUntil(ctx, func() (dcb.EventStore, error) { return t.open(cmd, mayMake) })
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
