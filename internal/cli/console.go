package cli

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/console"
	"github.com/umadb-go/umadb/internal/httpapi"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/web"
)

// consoleOptions are the flags of console.
type consoleOptions struct {
	target target
	listen string
	append bool
}

func newConsoleCommand() *cobra.Command {
	var o consoleOptions
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Show an event store in a web browser",
		Long: `console serves web pages that show the events of a store, until Ctrl-C: that of a server, or
that in a directory. It prints the address of the pages, with a key that is new
each time: other users of this machine cannot open them.`,
		Example: `  umadb console
  umadb console --url https://db.example.com:50051 --api-key-file key
  umadb console --db-path ./uma.db`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAddress("listen", o.listen); err != nil {
				return err
			}
			o.target.readOnly = !o.append
			return o.target.use(cmd, o.append, func(ctx context.Context, s dcb.EventStore) error {
				return o.run(ctx, cmd, s)
			})
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:50080", "`address` of the pages, as host:port; port 0 selects a free port")
	cmd.Flags().BoolVar(&o.append, "append", false, "permit appending events on the pages")
	perCall(cmd.Flags(), "listen", "append")
	o.target.addFlags(cmd.Flags())
	return cmd
}

// run serves pages about a store until ctx is done.
func (o *consoleOptions) run(ctx context.Context, cmd *cobra.Command, s dcb.EventStore) error {
	log := newNotices(cmd.ErrOrStderr())
	c, end, err := asClient(ctx, s, o.target.name(), log)
	if err != nil {
		return err
	}
	defer end()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return explainListen("listen", err)
	}
	own := rand.Text()
	_, inDirectory := s.(*store.Store)
	pages := web.New(web.Options{Logger: log, Append: o.append, PrintedKey: true, Connect: func(_ context.Context, key string) (*web.Backend, error) {
		if subtle.ConstantTimeCompare([]byte(key), []byte(own)) == 0 {
			return nil, &dcb.Error{Kind: dcb.ErrAuthentication, Detail: "the key is not that which umadb console has printed"}
		}
		b := newBackend(o.target.name(), c, func() error { return nil })
		b.Directory = inDirectory
		return b, nil
	}})
	registerPages(pages)
	fmt.Fprintf(cmd.OutOrStdout(), "http://%s/login?%s\n", listener.Addr(), url.Values{"key": {own}}.Encode())
	return serveUntil(ctx, pages, listener)
}

// newBackend returns the backend of web pages that use a client, which close closes.
func newBackend(name string, c *client.Client, close func() error) *web.Backend {
	return &web.Backend{Name: name, Events: c, Terms: c, Operator: admin.Operator{Client: admin.NewClient(c)}, Close: close}
}

// registerPages adds all that is served over HTTP.
func registerPages(pages *web.Server) {
	console.Register(pages)
	httpapi.Register(pages)
}

// serveUntil serves pages until ctx is done, and the answers in progress have been read.
func serveUntil(ctx context.Context, pages *web.Server, listener net.Listener) error {
	stopped := make(chan struct{})
	isServing := context.AfterFunc(ctx, func() {
		defer close(stopped)
		waiting, cancel := context.WithTimeout(context.Background(), consolePatience)
		defer cancel()
		pages.Stop(waiting)
	})
	err := pages.Serve(listener)
	if !isServing() {
		<-stopped
	}
	return err
}

// asClient returns a client of an open store. That of a directory gets a server in this process.
func asClient(ctx context.Context, s dcb.EventStore, name string, log *slog.Logger) (c *client.Client, end func(), err error) {
	if c, is := s.(*client.Client); is {
		return c, func() {}, nil
	}
	opened := s.(*store.Store)
	srv, err := server.New(opened, server.Options{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	build := thisVersion()
	admin.Register(srv, opened, admin.Version{Version: build.Version, Commit: build.Commit})
	memory := serveInProcess(srv, name)
	shutdown := func() { srv.Shutdown(context.WithoutCancel(ctx)) }
	if c, err = memory.dial("", nil); err != nil {
		shutdown()
		return nil, nil, err
	}
	return c, func() { c.Close(); shutdown() }, nil // closing a client has no errors
}
