package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// shutdownGrace is how long a stopping server waits for what is under way,
// before it cuts the connections.
const shutdownGrace = 20 * time.Second

// sameSignal is how long a signal counts as the one before, which a shell may
// have sent to the process and to its group.
const sameSignal = 200 * time.Millisecond

// startedLine is printed on standard output once clients can connect. The Rust server
// prints it, and the containers of other programs' tests wait for it.
const startedLine = "UmaDB started"

// serveOptions are the flags of serve.
type serveOptions struct {
	flags     *pflag.FlagSet
	listen    string
	dir       string
	tlsCert   string
	tlsKey    string
	apiKey    apiKey
	log       logFlags
	gcPercent int
	memory    memoryLimit
}

func newServeCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the event store of a directory over gRPC",
		Long: `serve opens the event store of a directory, or makes one, and serves it over gRPC
until it gets SIGINT or SIGTERM. It then finishes what is under way and exits
with 0; a second signal makes it exit at once. On SIGHUP it reads its certificate
and the files of its API key and its log level again.

It prints the line "UmaDB started" on standard output once clients can connect; the
log goes to standard error.`,
		Example: `  umadb serve --db-path ./uma.db
  umadb serve --listen 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key --api-key-file key`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			logger := o.log.logger(cmd.ErrOrStderr())
			noteIgnored(cmd.Flags(), logger)
			o.memory.apply(o.gcPercent)
			return serve(&o, logger, cmd.OutOrStdout())
		},
	}
	if err := o.memory.Set("auto"); err != nil {
		panic(err)
	}
	f := cmd.Flags()
	o.flags = f
	f.StringVar(&o.listen, "listen", "127.0.0.1:50051", "`address` to listen on: IP or host name, and port; port 0 takes a free one")
	addPathFlag(f, &o.dir)
	f.StringVar(&o.tlsCert, "tls-cert", "", "`file` with the TLS certificate, and those it rests on (PEM)")
	f.StringVar(&o.tlsKey, "tls-key", "", "`file` with the key of the TLS certificate (PEM)")
	o.apiKey.addFlags(f, "`key` that every client must send")
	o.log.addFlags(f)
	f.IntVar(&o.gcPercent, "gc-percent", defaultGCPercent, "garbage collection target, as GOGC: more is faster and takes more memory")
	f.Var(&o.memory, "memory-limit", "memory to stay within if possible, as 512MiB; auto is half of the machine's or container's")
	addIgnoredFlags(f)
	return cmd
}

// validate looks at what the flags' types do not.
func (o *serveOptions) validate() error {
	_, port, err := net.SplitHostPort(o.listen)
	switch {
	case err != nil || port == "":
		return usageErrorf("--listen %q is no address: write host and port, such as 127.0.0.1:50051", o.listen)
	case !isPort(port):
		return usageErrorf("--listen %q has no valid port: %q is neither a number from 0 to 65535 nor the name of a service", o.listen, port)
	case o.dir == "":
		return errEmptyPath
	case o.tlsCert != "" && o.tlsKey == "":
		return usageErrorf("--tls-cert is given without --tls-key: give both for TLS, or neither")
	case o.tlsKey != "" && o.tlsCert == "":
		return usageErrorf("--tls-key is given without --tls-cert: give both for TLS, or neither")
	case o.apiKey.key == "" && o.flags.Changed("api-key"):
		return usageErrorf("the API key is empty: give a key, or leave out --api-key and UMADB_API_KEY")
	case o.gcPercent <= 0:
		return usageErrorf("--gc-percent %d is not above 0", o.gcPercent)
	}
	if err := o.apiKey.load(o.flags); err != nil {
		return err
	}
	return o.log.load(o.flags)
}

func isPort(port string) bool {
	_, err := net.LookupPort("tcp", port)
	return err == nil
}

// serve opens the store and serves it until a signal.
func serve(o *serveOptions, logger *slog.Logger, stdout io.Writer) error {
	if err := o.rehearse(); err != nil {
		return err
	}
	signals, forget := notify()
	defer forget()
	logger.Info("starting", "version", Version, "db_path", o.dir)
	opened, err := openInterruptibly(o.dir, o.memory.bytes, logger, signals.stop)
	if opened == nil || err != nil {
		return err
	}
	return serveStore(opened, o, logger, signals, stdout)
}

// openInterruptibly opens the store, which may take long if the index must be
// rebuilt. A signal gives it up: then there is neither a store nor an error.
func openInterruptibly(dir string, memory int64, logger *slog.Logger, stop <-chan os.Signal) (*store.Store, error) {
	options := &store.Options{Logger: logger, CacheBytes: cacheFor(memory)}
	coming := opening(func() (*store.Store, error) { return store.Open(dir, options) })
	select {
	case o := <-coming:
		if errors.Is(o.err, dcb.ErrInvalidArgument) {
			return nil, usageError{o.err} // the path holds something else
		}
		return o.store, explainOpen(o.err, dir)
	case s := <-stop:
		logger.Info("stopped before the store was open", "signal", s.String())
		abandon(coming)
		return nil, nil
	}
}

// explainOpen says what to do about a store that cannot be opened.
func explainOpen(err error, dir string) error {
	var locked *vfs.LockedError
	switch {
	case errors.Is(err, dcb.ErrCorruption):
		return fmt.Errorf("%w; see all that is wrong with: umadb check --db-path %q", err, dir)
	case errors.As(err, &locked) && !locked.Self && locked.PID == 0:
		return fmt.Errorf("%w; to see which process it is: fuser %q", err, dir)
	case vfs.Denied(err):
		return fmt.Errorf("%w; let this user read the directory, and write it unless the command only reads", err)
	}
	return err
}

// serveStore serves until a signal or a failure, and closes the store.
func serveStore(opened *store.Store, o *serveOptions, logger *slog.Logger, signals signals, stdout io.Writer) error {
	srv, lis, err := listen(opened, o, logger)
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	warnOfOpenness(logger, lis.Addr(), o.tlsCert != "", o.apiKey.key != "")
	serving, end := context.WithCancel(context.Background())
	defer end()
	go releaseWhenIdle(serving)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(lis) }()
	logger.Info("listening", "address", lis.Addr().String(), "tls", o.tlsCert != "", "api_key", o.apiKey.key != "")
	fmt.Fprintln(stdout, startedLine) // an error matters only to a program that waits for it
	defer o.reloadOn(signals.reload, srv, logger)()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("the server has stopped by itself: %w", err), opened.Close())
	case s := <-signals.stop:
		logger.Info("stopping", "signal", s.String())
	}
	return finish(logger, signals.stop, func(ctx context.Context) error {
		return errors.Join(srv.Shutdown(ctx), opened.Close())
	})
}

// finish lets what is under way come to its end, unless another signal comes
// first.
func finish(logger *slog.Logger, signals <-chan os.Signal, end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- end(ctx) }()
	begun := time.Now()
	for {
		select {
		case err := <-done:
			if err == nil {
				logger.Info("stopped")
			}
			return err
		case s := <-signals:
			if time.Since(begun) < sameSignal {
				continue
			}
			return fmt.Errorf("stopped at once by a second signal (%v); what was acknowledged is safe", s)
		}
	}
}
