package client

import (
	"time"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

// The connections of a server to others of its kind. A server that hangs is noticed after the
// second and the third time together. Servers permit a ping every 2 s.
const (
	peerConnectTimeout   = time.Second
	peerKeepAlive        = 2500 * time.Millisecond
	peerKeepAliveTimeout = 1500 * time.Millisecond
	peerIdle             = time.Minute
)

// NewPeerConn returns a connection to the server of a URL, with the certificates of the options, for
// the calls that another server makes for its clients. It connects when it is first used. The API
// key of the options is not sent.
func NewPeerConn(url string, options *Options) (*grpcclient.Conn, error) {
	t, err := parseTarget(url)
	if err != nil {
		return nil, err
	}
	o := *options
	o.APIKey = ""
	o.ConnectTimeout, o.KeepAlive, o.KeepAliveTimeout = peerConnectTimeout, peerKeepAlive, peerKeepAliveTimeout
	connect, err := newConnector(o, new(dialer).dial)
	if err != nil {
		return nil, err
	}
	return connect(t, nil)(peerIdle), nil
}
