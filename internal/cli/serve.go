package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/peer"
	"github.com/umadb-go/umadb/internal/store"
)

// shutdownGrace is how long a stopping server waits for calls in progress before it closes
// the connections.
const shutdownGrace = 20 * time.Second

// sameSignal is the time within which a second signal counts as the same one: a shell may
// have sent it to the process and to its group.
const sameSignal = 200 * time.Millisecond

// startedLine is printed on standard output once clients can connect. The Rust server
// prints it too, and test containers of other programs wait for it.
const startedLine = "UmaDB started"

// serveOptions are the flags of serve.
type serveOptions struct {
	flags     *pflag.FlagSet
	config    configFlags
	listen    string
	dir       string
	tls       tlsFlags
	apiKey    apiKey
	keys      keysFlags
	bounds    boundFlags
	log       logFlags
	calls     callLog
	gcPercent int
	memory    memoryLimit
	disk      diskFlags
	scrub     scrubFlags
	metrics   metricsFlags
	console   consoleFlags
	standby   standbyFlags
	shared    sharedFlags
	forwarder *peer.Forwarder // nil if appends are not forwarded

	reloader *reloader // of the settings that are read from files
	// keysMu guards apiKey.key and keys.keys once the reloader has been started.
	keysMu sync.Mutex
}

func newServeCommand(engines []Engine) *cobra.Command {
	o := serveOptions{shared: sharedFlags{engines: engines}}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve an event store over gRPC",
		Long: `serve opens the event store in a directory, creates it if necessary, and serves it
over gRPC until SIGINT or SIGTERM. It then completes the calls in progress and exits
with 0; a second signal makes it exit at once. When the files of its
certificates, API keys or log level change, it reads them again; SIGHUP makes it do so
at once.

Settings can also be in a configuration file, as in listen = "0.0.0.0:50051". A flag
takes precedence over its environment variable, and both over the file.

With --standby-of it is the standby of another server: it copies the log of that server,
serves reads and subscriptions meanwhile, and refuses appends. umadb promote makes the
directory a store of its own.

With --log it is one of several servers of a shared log, which an engine such as PostgreSQL
keeps: each has all events in its directory, serves reads, and accepts appends. umadb cluster
makes and inspects the log.

It prints the line "UmaDB started" on standard output once clients can connect. It
logs to standard error.`,
		Example: `  umadb serve --db-path ./uma.db
  umadb serve --listen 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key --api-key-file key
  umadb serve --config umadb.toml --print-config`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.reloader = newReloader(o.reloadable())
			if err := o.validate(); err != nil {
				return err
			}
			if o.config.print {
				return printConfig(cmd.OutOrStdout(), cmd.Flags())
			}
			logger := o.log.logger(cmd.ErrOrStderr())
			warnIgnored(cmd.Flags(), logger)
			o.memory.apply(o.gcPercent)
			return serve(&o, logger, cmd.OutOrStdout())
		},
	}
	if err := o.memory.Set("auto"); err != nil {
		panic(err)
	}
	f := cmd.Flags()
	o.flags = f
	o.config.addFlags(f)
	f.StringVar(&o.listen, "listen", "127.0.0.1:50051", "`address` to listen on, as host:port; port 0 selects a free port")
	addPathFlag(f, &o.dir)
	o.tls.addFlags(f)
	o.apiKey.addFlags(f, "`key` that every client must send")
	o.keys.addFlags(f)
	o.bounds.addFlags(f)
	o.log.addFlags(f)
	o.calls.addFlags(f)
	f.IntVar(&o.gcPercent, "gc-percent", defaultGCPercent, "garbage collection target, as in GOGC but without the cache; a larger value is faster and uses more memory")
	f.Var(&o.memory, "memory-limit", "soft memory limit, such as 512MiB; auto is half of the memory of the machine or container")
	o.disk.addFlags(f)
	o.scrub.addFlags(f)
	o.metrics.addFlags(f)
	o.console.addFlags(f)
	o.standby.addFlags(f)
	o.shared.addFlags(f)
	addIgnoredFlags(f)
	return cmd
}

// validate checks what the types of the flags do not.
func (o *serveOptions) validate() error {
	if err := checkAddress("listen", o.listen); err != nil {
		return err
	}
	switch {
	case o.dir == "":
		return errEmptyPath
	case o.apiKey.key == "" && o.flags.Changed("api-key"):
		return usageErrorf("the API key is empty: set a key, or omit --api-key and UMADB_API_KEY")
	case o.gcPercent <= 0:
		return usageErrorf("--gc-percent %d must be above 0", o.gcPercent)
	}
	if err := o.tls.validate(); err != nil {
		return err
	}
	if err := o.bounds.validate(); err != nil {
		return err
	}
	if err := o.calls.validate(); err != nil {
		return err
	}
	if err := o.metrics.validate(); err != nil {
		return err
	}
	if err := o.console.validate(); err != nil {
		return err
	}
	if err := o.standby.validate(o.flags); err != nil {
		return err
	}
	if err := o.shared.validate(o.flags); err != nil {
		return err
	}
	if err := o.apiKey.load(o.flags); err != nil {
		return err
	}
	if err := o.disk.load(o.flags); err != nil {
		return err
	}
	if err := o.loadKeys(); err != nil {
		return err
	}
	return o.log.load(o.flags)
}

// requiresKey reports whether clients need a key.
func (o *serveOptions) requiresKey() bool { return o.apiKey.key != "" || o.keys.file != "" }

// currentKey returns the API key, which the reloader may replace.
func (o *serveOptions) currentKey() string {
	o.keysMu.Lock()
	defer o.keysMu.Unlock()
	return o.apiKey.key
}

// serve opens the store and serves it until a signal.
func serve(o *serveOptions, logger *slog.Logger, stdout io.Writer) error {
	if err := o.preflight(); err != nil {
		return err
	}
	signals, stopNotify := notify()
	defer stopNotify()
	logger.Info("starting", "version", Version, "db_path", o.dir)
	options := &store.Options{
		Logger: logger, CacheBytes: cacheFor(o.memory.bytes), MaxDiskBytes: o.disk.max.bytes, Limits: o.bounds.limits(),
		ScrubPeriod: o.scrub.period.duration,
	}
	opened, err := o.openInterruptibly(options, signals.stop)
	if opened == nil || err != nil {
		return err
	}
	return serveStore(opened, o, logger, signals, stdout)
}

// openInterruptibly opens the store, which may take long if the index must be rebuilt. After
// a signal it returns neither a store nor an error.
func (o *serveOptions) openInterruptibly(options *store.Options, stop <-chan os.Signal) (*store.Store, error) {
	result := openAsync(func() (*store.Store, error) { return o.open(options) })
	select {
	case r := <-result:
		if errors.Is(r.err, dcb.ErrInvalidArgument) {
			return nil, usageError{r.err} // the path is not a store
		}
		return r.store, explainOpen(r.err, o.dir)
	case s := <-stop:
		options.Logger.Info("stopped before the store was open", "signal", s.String())
		abandon(result)
		return nil, nil
	}
}

// serveStore serves until a signal or a failure, and closes the store.
func serveStore(opened *store.Store, o *serveOptions, logger *slog.Logger, signals signals, stdout io.Writer) error {
	o.forwarder = o.newForwarder(opened, logger)
	if o.forwarder != nil {
		defer o.forwarder.Close()
	}
	srv, lis, err := listen(opened, o, logger)
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	stopMetrics, err := o.metrics.start(opened, srv, logger)
	if err != nil {
		return errors.Join(err, lis.Close(), opened.Close())
	}
	defer stopMetrics()
	warnIfInsecure(logger, lis.Addr(), o.tls.cert != "", o.requiresKey() || o.tls.clientCA != "")
	serving, end := context.WithCancel(context.Background())
	defer end()
	go releaseWhenIdle(serving)
	defer startGCTarget(o.gcPercent, opened.CachedBytes)()
	o.calls.exemplars = &o.metrics.exemplars
	defer o.calls.start(srv, logger)()
	stopConsole, err := o.console.start(srv, serverURL(lis.Addr(), o.tls.cert != ""), int(o.bounds.request.bytes), o.requiresKey(), logger)
	if err != nil {
		return errors.Join(err, lis.Close(), opened.Close())
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(lis) }()
	logger.Info("listening", "address", lis.Addr().String(), "tls", o.tls.cert != "", "api_key", o.requiresKey(), "client_ca", o.tls.clientCA != "")
	fmt.Fprintln(stdout, startedLine) // ignore errors: only some programs read this line
	o.disk.store = opened
	manager := serviceManager{logger}
	defer o.reloader.start(signals.reload, srv, logger)()
	manager.ready()
	defer manager.watch(answers(lis.Addr(), o.tls.cert != ""))()
	followed, stopFollowing := o.standby.follow(logger)
	var failed error
	select {
	case err := <-served:
		stopFollowing()
		return errors.Join(fmt.Errorf("the server stopped unexpectedly: %w", err), opened.Close())
	case failed = <-followed:
		logger.Info("stopping because the standby cannot follow its server")
		manager.stopping()
	case s := <-signals.stop:
		logger.Info("stopping", "signal", s.String())
		manager.stopping()
	}
	return finish(logger, signals.stop, func(ctx context.Context) error {
		err := shutdown(ctx, srv, stopConsole)
		stopFollowing()
		return errors.Join(failed, err, opened.Close())
	})
}

// finish calls end and waits for it, unless another signal arrives first.
func finish(logger *slog.Logger, signals <-chan os.Signal, end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- end(ctx) }()
	start := time.Now()
	for {
		select {
		case err := <-done:
			if err == nil {
				logger.Info("stopped")
			}
			return err
		case s := <-signals:
			if time.Since(start) < sameSignal {
				continue
			}
			return fmt.Errorf("stopped at once by a second signal (%v); acknowledged events are durable", s)
		}
	}
}

// ignoredFlags are flags that tune the Rust server and have no equivalent here. They are
// accepted, with any value, so that its command lines and containers keep working.
var ignoredFlags = []string{
	"read-method",
	"page-cache-max-pages",
	"page-cache-max-mb",
	"zero-fill-pages",
	"pipelined-writer",
	"max-blocking-threads",
}

func addIgnoredFlags(flags *pflag.FlagSet) {
	for _, name := range ignoredFlags {
		flags.String(name, "", "accepted for compatibility, has no effect")
	}
}

// warnIgnored logs which of the given flags have no effect.
func warnIgnored(flags *pflag.FlagSet, logger *slog.Logger) {
	var given []string
	for _, name := range ignoredFlags {
		if flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 0 {
		logger.Warn("some flags have no effect in this server", "flags", given)
	}
}
