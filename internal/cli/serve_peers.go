package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/peer"
	"github.com/umadb-go/umadb/internal/store"
)

// peerFlags configure the connections of a server to the others of its shared log.
type peerFlags struct {
	forward bool
	auth    auth
	keyFile string
}

// peerSettings are the names of the flags.
var peerSettings = []string{"forward", "peer-api-key-file", "peer-ca", "peer-client-cert", "peer-client-key"}

func (f *peerFlags) addFlags(flags *pflag.FlagSet) {
	f.auth.prefix = "peer-"
	flags.BoolVar(&f.forward, "forward", true, "pass appends to the server of the log that has appended last, so that servers do not compete for the log")
	flags.StringVar(&f.keyFile, "peer-api-key-file", "", "`file` whose first line is the API key for reading the log of the other servers, with the right admin; by default, it is that of --api-key or --api-key-file")
	flags.StringVar(&f.auth.caFile, "peer-ca", "", "PEM `file` with the CA certificates of the other servers, if the system does not trust them")
	flags.StringVar(&f.auth.clientCert, "peer-client-cert", "", "PEM `file` with the certificate chain that the other servers require of their clients")
	flags.StringVar(&f.auth.clientKey, "peer-client-key", "", "PEM `file` with the private key of that certificate")
}

// newForwarder returns what passes appends to the other servers of the shared log, or nil.
func (o *serveOptions) newForwarder(opened *store.Store, logger *slog.Logger) *peer.Forwarder {
	f := &o.shared.peers
	if opened.SharedLog() == "" || !f.forward {
		return nil
	}
	credentials := &client.Options{CAFile: f.auth.caFile, ClientCert: f.auth.clientCert, ClientKey: f.auth.clientKey}
	return peer.New(peer.Options{
		Store:   opened,
		Connect: func(url string) (*grpcclient.Conn, error) { return client.NewPeerConn(url, credentials) },
		Logger:  logger,
	})
}

// peers connects to the other servers, to read their groups.
type peers struct {
	flags *peerFlags
	key   func() string // if there is no file
}

var _ store.Peers = peers{}

// Open implements store.Peers.
func (p peers) Open(ctx context.Context, address string) (store.Peer, error) {
	a, err := p.flags.auth.withKey(p.key(), p.flags.keyFile)
	if err != nil {
		return nil, err
	}
	c, err := openUntil(ctx, func() (*client.Client, error) { return a.dialLoaded(address, "check its --advertise") })
	if errors.Is(err, errInterrupted) {
		err = fmt.Errorf("no connection: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, err
	}
	return &peerConnection{serverSource{Client: c, remedy: "upgrade it"}, c.Connections()}, nil
}

// peerConnection is a connection to another server.
type peerConnection struct {
	serverSource
	connections uint64 // that the client has dialed until it was connected
}

// errOtherConnection is the error of a client that has connected again, perhaps to another server.
var errOtherConnection = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection to the server broke, and another one may have its address now"}

// Groups implements store.Peer.
func (p *peerConnection) Groups(ctx context.Context, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		for g, err := range p.serverSource.Groups(ctx, after, false) {
			if p.Connections() != p.connections {
				g, err = eventlog.Group{}, errOtherConnection
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
	}
}
