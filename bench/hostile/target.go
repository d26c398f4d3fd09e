package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// target is the server under attack. It is passed to the attackers' process.
type target struct {
	Address string
	CAFile  string // empty without TLS
	Key     string // API key, may be empty
}

// url returns the URL of the target for our client.
func (t *target) url() string {
	if t.CAFile != "" {
		return "https://" + t.Address
	}
	return "http://" + t.Address
}

// trust returns the client's TLS configuration, or nil without TLS.
func (t *target) trust() (*tls.Config, error) {
	if t.CAFile == "" {
		return nil, nil
	}
	certificate, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificate) {
		return nil, fmt.Errorf("%s contains no certificate", t.CAFile)
	}
	return &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}}, nil
}

// connection is a gRPC connection to the target. It sends the key also without TLS,
// which our client refuses, and never retries a call.
type connection struct {
	*grpc.ClientConn
	dcb    umadbv1.DCBClient
	health health.HealthClient
}

// dial returns a connection that the first call opens. key may be empty.
func (t *target) dial(key string) (*connection, error) {
	trust, err := t.trust()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithNoProxy(),
	}
	if trust != nil {
		options[0] = grpc.WithTransportCredentials(credentials.NewTLS(trust))
	}
	if key != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(key)))
	}
	conn, err := grpc.NewClient("passthrough:///"+t.Address, options...)
	if err != nil {
		return nil, err
	}
	return &connection{conn, umadbv1.NewDCBClient(conn), health.NewHealthClient(conn)}, nil
}

// bearer sends an API key with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// connect opens a raw connection, with TLS if the target uses it.
func (t *target) connect(ctx context.Context, dialer net.Dialer) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return nil, err
	}
	trust, err := t.trust()
	if err != nil || trust == nil {
		return conn, err
	}
	trust.ServerName, _, _ = net.SplitHostPort(t.Address)
	secure := tls.Client(conn, trust)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// errEnded is returned when the server has closed a connection.
var errEnded = errors.New("the server closed the connection")
