package cli

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/store"
)

// Engine opens shared logs that a kind of engine keeps. The program links only the engines that
// are passed to Main.
type Engine struct {
	Schemes []string // of the URLs that it opens
	Example string   // such a URL
	// Open also returns what people should know about the engine.
	Open func(ctx context.Context, url string) (log sharedlog.Log, warnings []string, err error)
}

// checkLogURL fails if no engine opens a URL.
func checkLogURL(engines []Engine, text string) (Engine, error) {
	if len(engines) == 0 {
		return Engine{}, usageErrorf("--log: this program supports no shared log; use the umadb program")
	}
	if text == "" {
		return Engine{}, usageErrorf("no shared log is named: set --log or UMADB_LOG to its URL, such as %s", engines[0].Example)
	}
	scheme, _, _ := strings.Cut(text, ":")
	at := slices.IndexFunc(engines, func(e Engine) bool { return slices.Contains(e.Schemes, scheme) })
	if at < 0 {
		return Engine{}, usageErrorf("--log must be a URL such as %s", engines[0].Example)
	}
	u, _, err := sharedlog.ParseURL(text)
	if err != nil {
		return Engine{}, usageErrorf("--log is not a valid URL such as %s", engines[at].Example)
	}
	if _, password := u.User.Password(); password || u.Query().Has("password") {
		return Engine{}, usageErrorf("--log contains a password, which other users of the machine can read: set UMADB_LOG_PASSWORD instead")
	}
	return engines[at], nil
}

// openLog opens a shared log. It also returns what people should know about its engine.
func openLog(ctx context.Context, engines []Engine, url string) (log sharedlog.Log, warnings []string, err error) {
	engine, err := checkLogURL(engines, url)
	if err != nil {
		return nil, nil, err
	}
	log, warnings, err = engine.Open(ctx, url)
	if errors.Is(err, sharedlog.ErrURL) {
		return nil, nil, usageErrorf("--log cannot be used: %w", err)
	}
	return log, warnings, unavailable(err)
}

func logWarnings(logger *slog.Logger, warnings []string) {
	for _, text := range warnings {
		logger.Warn(text)
	}
}

// sharedFlags are the flags of a server whose store is a replica of a shared log.
type sharedFlags struct {
	engines   []Engine
	url       string // empty if the store has a log of its own
	advertise string
	reads     string
	staleness time.Duration
	timeout   time.Duration
	copies    int
	peers     peerFlags
}

func (f *sharedFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "log", "", "`URL` of a log that several servers share, which umadb cluster create has made; its password is in UMADB_LOG_PASSWORD")
	flags.StringVar(&f.advertise, "advertise", "", "`address` at which the other servers of the log reach this one, http://host:port, or https://host:port for TLS")
	flags.StringVar(&f.reads, "reads", "fresh", "`which` events reads find: fresh, all that any server of the log has acknowledged before; or local, those that this server has")
	flags.DurationVar(&f.staleness, "max-staleness", 10*time.Second, "`duration` that a fresh read waits for the log before it fails")
	flags.DurationVar(&f.timeout, "log-timeout", 5*time.Second, "`duration` after which a request to the log has failed, and is made again")
	flags.IntVar(&f.copies, "log-copies", 2, "`number` of servers that must have a commit on their disks before it is removed from a log whose engine keeps only the last ones, such as etcd")
	f.peers.addFlags(flags)
	needs(flags, "log", sharedSettings...)
}

// sharedSettings are the flags that only mean something with --log.
var sharedSettings = append([]string{"advertise", "reads", "max-staleness", "log-timeout", "log-copies"}, peerSettings...)

func (f *sharedFlags) validate(flags *pflag.FlagSet) error {
	if f.url == "" {
		if flags.Changed("log") {
			return usageErrorf("--log is empty: set it to the URL of the shared log")
		}
		for _, name := range sharedSettings {
			if flags.Changed(name) {
				return usageErrorf("--%s is given without --log: name the shared log", name)
			}
		}
		return nil
	}
	if flags.Changed("standby-of") {
		return usageErrorf("--log and --standby-of exclude each other: a server of a shared log follows that log")
	}
	switch {
	case f.reads != "fresh" && f.reads != "local":
		return usageErrorf("--reads is %q: it must be fresh or local", f.reads)
	case f.staleness <= 0:
		return usageErrorf("--max-staleness is %v: it must be above 0", f.staleness)
	case f.timeout <= 0:
		return usageErrorf("--log-timeout is %v: it must be above 0", f.timeout)
	case f.copies < 1:
		return usageErrorf("--log-copies is %d: it must be at least 1", f.copies)
	case len(f.advertise) > sharedlog.MaxAddress:
		return usageErrorf("--advertise has %d bytes, over %d", len(f.advertise), sharedlog.MaxAddress)
	}
	if f.advertise != "" {
		if err := client.CheckURL(f.advertise); err != nil {
			return usageErrorf("--advertise cannot be used: %w", err)
		}
	}
	_, err := checkLogURL(f.engines, f.url)
	return err
}

// open opens the store in a directory as a replica of the shared log. key returns the API key of
// the server.
func (f *sharedFlags) open(dir string, options *store.Options, key func() string) (*store.Store, error) {
	open := func(ctx context.Context) (sharedlog.Log, error) {
		log, warnings, err := openLog(ctx, f.engines, f.url)
		logWarnings(options.Logger, warnings)
		return log, err
	}
	connecting, cancel := context.WithTimeout(context.Background(), f.timeout)
	defer cancel()
	log, unreachable := open(connecting)
	ctx := context.Background() // recovery may take longer; the store bounds each request to the log
	switch {
	case errors.Is(unreachable, dcb.ErrTransport): // a store that was used with it can start
		log, ctx = sharedlog.NewLate(open), connecting // in what is left of that time
	case unreachable != nil:
		return nil, unreachable
	}
	s, err := store.OpenShared(ctx, dir, options, store.Shared{
		Log: log, Address: f.advertise, Program: Version, Peers: peers{&f.peers, key},
		LocalReads: f.reads == "local", MaxStaleness: f.staleness, Timeout: f.timeout, LogCopies: f.copies,
	})
	if unreachable != nil && errors.Is(err, dcb.ErrTransport) {
		err = unreachable
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	f.logOpened(options.Logger, s.SharedState())
	return s, nil
}

// logOpened logs which shared log a server follows, and warns if the others cannot reach it.
func (f *sharedFlags) logOpened(logger *slog.Logger, state *store.SharedMetrics) {
	logger.Info("the server shares a log", "log", state.Log, "url", f.url, "advertise", f.advertise, "reads", f.reads, "group", state.Applied, "of", state.End)
	if f.advertise == "" {
		logger.Warn("there is no --advertise: other servers of the shared log cannot use this one, and umadb cluster verify does not compare it")
	}
}

// unavailable returns the error of an engine that cannot be reached.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "cannot use the shared log; check its URL, and that its engine is reachable", Cause: oneLine{err}}
}

// oneLine is an error whose message is in one line. Those of drivers have a line for each host.
type oneLine struct{ error }

// Error returns the different lines of the message.
func (e oneLine) Error() string {
	var parts []string
	for line := range strings.Lines(e.error.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), ":; ", ": ")
}

// Unwrap returns the error.
func (e oneLine) Unwrap() error { return e.error }
