package cli

import (
	"context"
	"iter"
	"log/slog"

	"github.com/spf13/pflag"

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

// peerGroups reads groups from the other servers.
type peerGroups struct {
	flags *peerFlags
	key   func() string // if there is no file
}

var _ store.Peers = peerGroups{}

// Groups implements store.Peers.
func (p peerGroups) Groups(ctx context.Context, address string, after eventlog.GroupID) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		a, err := p.flags.auth.withKey(p.key(), p.flags.keyFile)
		if err != nil {
			yield(eventlog.Group{}, err)
			return
		}
		c, err := a.dialLoaded(address, "check its --advertise")
		if err != nil {
			yield(eventlog.Group{}, err)
			return
		}
		defer func() { _ = c.Close() }()
		source := serverSource{Client: c, remedy: "upgrade it"}
		source.Groups(ctx, after, false)(yield)
	}
}
