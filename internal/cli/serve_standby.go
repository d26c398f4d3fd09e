package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/backup"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// standbySync is the greatest age of received events that readers do not see yet.
const standbySync = 50 * time.Millisecond

// standbyFlags are the flags of a server that is a standby of another one.
type standbyFlags struct {
	url     string // empty if the server is not a standby
	auth    auth
	keyFile string

	standby *store.Standby
	source  *standbySource
}

func (f *standbyFlags) addFlags(flags *pflag.FlagSet) {
	f.auth.prefix = "standby-"
	flags.StringVar(&f.url, "standby-of", "", "`address` of a server to follow as its standby, http://host:port, or https://host:port for TLS: serve reads, and refuse appends")
	flags.StringVar(&f.keyFile, "standby-api-key-file", "", "`file` whose first line is the API key for the server to follow; by default, it is that of --api-key or --api-key-file")
	flags.StringVar(&f.auth.caFile, "standby-ca", "", "PEM `file` with the CA certificates of the server to follow, if the system does not trust them")
	flags.StringVar(&f.auth.clientCert, "standby-client-cert", "", "PEM `file` with the certificate chain that the server to follow requires of its clients")
	flags.StringVar(&f.auth.clientKey, "standby-client-key", "", "PEM `file` with the private key of that certificate")
}

func (f *standbyFlags) validate(flags *pflag.FlagSet) error {
	for _, name := range []string{"standby-of", "standby-api-key-file", "standby-ca", "standby-client-cert", "standby-client-key"} {
		switch {
		case name == "standby-of" && f.url == "" && flags.Changed(name):
			return usageErrorf("--standby-of is empty: name the server to follow as http://host:port")
		case f.url == "" && flags.Changed(name):
			return usageErrorf("--%s is given without --standby-of: name the server to follow", name)
		}
	}
	if f.url == "" {
		return nil
	}
	if err := client.CheckURL(f.url); err != nil {
		return usageErrorf("--standby-of cannot be used: %w", err)
	}
	return nil
}

// refusal returns the reason why the server refuses appends, nil if it does not.
func (f *standbyFlags) refusal() error {
	if f.url == "" {
		return nil
	}
	return fmt.Errorf("this server is a standby of %s", f.url)
}

// open opens the store, or the standby in its directory, which it creates if necessary.
func (o *serveOptions) open(options *store.Options) (*store.Store, error) {
	f := &o.standby
	switch {
	case o.shared.url != "":
		return o.shared.open(o.dir, options, o.currentKey)
	case f.url == "":
		return store.Open(o.dir, options)
	}
	f.source = &standbySource{flags: f, key: o.apiKey.key}
	marked, err := store.IsStandby(vfs.OS{}, o.dir)
	if err == nil && !marked {
		err = f.create(o.dir, options.Logger)
	}
	if err != nil {
		return nil, errors.Join(err, f.source.Close())
	}
	f.standby, err = store.OpenStandby(o.dir, f.url, options)
	if err != nil {
		return nil, errors.Join(err, f.source.Close())
	}
	f.source.onHead = f.standby.Reached
	return f.standby.Store, nil
}

// create makes a directory that of a standby: one that is new, or a copy of the server's
// store, or a store that was the server before. It waits for the first commit of the server.
func (f *standbyFlags) create(dir string, logger *slog.Logger) error {
	ctx := context.Background()
	if err := backup.Probe(ctx, f.source, eventlog.GroupID{}); err != nil { // an invalid key must not leave a new directory
		return err
	}
	target, err := backup.OpenTarget(vfs.OS{}, dir)
	if err != nil {
		return err
	}
	logger.Info("making the directory that of a standby", "db_path", dir, "standby_of", f.url, "existing_events", target.Tail().Next-1)
	if err = backup.Adopt(ctx, f.source, target); err == nil {
		err = store.MarkStandby(vfs.OS{}, dir, f.url)
	}
	return errors.Join(err, target.Close())
}

const (
	// spacePause is the time between two checks for disk space.
	spacePause = time.Second
	// spaceRetry is when a standby without disk space tries again in any case.
	spaceRetry = 30 * time.Second
)

// follow follows the server until stop is called. While that fails, for example because the
// server is corrupt or refuses the key, or the disk is full, the standby continues to serve
// reads: it may be the last good copy. Only if it has failed itself, or if the server has
// another history, it sends the error to ended.
func (f *standbyFlags) follow(logger *slog.Logger) (ended <-chan error, stop func()) {
	if f.url == "" {
		return nil, func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	var following sync.WaitGroup
	following.Go(func() {
		defer func() { _ = f.source.Close() }()
		observer := &standbyObserver{f.standby, f.url, logger}
		options := &backup.Options{SyncEvery: standbySync, Retry: f.mayRetry, Observer: observer}
		for {
			_, err := backup.Follow(ctx, f.source, f.standby, options)
			if vfs.IsFull(err) && ctx.Err() == nil {
				err = f.awaitSpace(ctx, logger, err)
			}
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				failed <- fmt.Errorf("this standby cannot follow %s: %w", f.url, err)
				return
			}
		}
	})
	return failed, func() {
		cancel()
		following.Wait()
	}
}

// mayRetry reports whether the standby can follow its server later, after an error.
func (f *standbyFlags) mayRetry(err error) bool {
	return !errors.Is(err, dcb.ErrIntegrity) && !vfs.IsFull(err) && !isClosed(f.standby.Failed())
}

// awaitSpace waits until the standby has space for the next commit of its server. Since not
// every lack of space can be measured, it returns after a while in any case. Readers see what was
// received before. The error is that of making it durable.
func (f *standbyFlags) awaitSpace(ctx context.Context, logger *slog.Logger, full error) error {
	if err := f.standby.Sync(); err != nil {
		return err
	}
	f.standby.Stopped()
	f.source.lost()
	logger.Error("the standby has stopped following its server: not enough disk space; it continues when there is some", "standby_of", f.url, "error", full)
	for deadline := time.Now().Add(spaceRetry); time.Now().Before(deadline); {
		select {
		case <-time.After(spacePause):
		case <-ctx.Done():
			return ctx.Err()
		}
		if f.standby.FullError() == nil {
			logger.Info("the standby continues to follow its server", "standby_of", f.url)
			return nil
		}
	}
	return nil
}

// standbyObserver logs what happens, and notes whether the server is reachable.
type standbyObserver struct {
	standby *store.Standby
	url     string
	logger  *slog.Logger
}

// Progress does nothing: the standby knows where it is.
func (o *standbyObserver) Progress(backup.Summary) {}

// CaughtUp logs that the standby has everything for now.
func (o *standbyObserver) CaughtUp(s backup.Summary) {
	o.caughtUp()
	o.logger.Info("the standby has caught up with its server", "standby_of", o.url, "position", s.Tail.Next-1)
}

// Lost logs that the server cannot be followed.
func (o *standbyObserver) Lost(err error) {
	o.logger.Warn("the standby cannot follow its server; it will try again", "standby_of", o.url, "error", err)
}

// Reachable logs that the server is reachable again.
func (o *standbyObserver) Reachable() {
	o.caughtUp()
	o.logger.Info("the standby has reached its server again", "standby_of", o.url)
}

// caughtUp notes that everything was copied that the server had.
func (o *standbyObserver) caughtUp() {
	tail := o.standby.Tail()
	o.standby.Reached(tail.Index, tail.Next-1)
}

// standbySource is the store of the server to follow. It connects when it is first used, and
// again after it has failed.
type standbySource struct {
	flags  *standbyFlags
	key    string // if there is no file
	onHead func(group, head uint64)

	conn *client.Client // nil if there is no connection
}

// Groups implements backup.Source.
func (s *standbySource) Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		if err := s.connect(); err != nil {
			s.lost()
			yield(eventlog.Group{}, err)
			return
		}
		source := serverSource{Client: s.conn, onHead: s.onHead, remedy: "it cannot have a standby of this kind, so use umadb import --follow"}
		for g, err := range source.Groups(ctx, after, follow) {
			if err != nil { // the next attempt reads the key again
				s.lost()
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
	}
}

// lost notes that the server cannot be followed.
func (s *standbySource) lost() {
	if s.flags.standby != nil {
		s.flags.standby.Lost()
	}
	_ = s.Close()
}

// connect connects to the server, unless there is a connection. It reads the file of the key.
func (s *standbySource) connect() (err error) {
	if s.conn != nil {
		return nil
	}
	a, err := s.flags.auth.withKey(s.key, s.flags.keyFile)
	if err != nil {
		return err
	}
	s.conn, err = a.dialLoaded(s.flags.url, "or set another --standby-of")
	if err != nil {
		s.conn = nil
	}
	return err
}

// Close closes the connection, if there is one.
func (s *standbySource) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// isClosed reports whether a channel is closed.
func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}
