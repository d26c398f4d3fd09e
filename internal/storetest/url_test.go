package storetest_test

import (
	"flag"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/storetest"
)

var (
	url        = flag.String("url", "", "check the server at this URL; it must have no other writer")
	caFile     = flag.String("ca", "", "PEM file with the CA certificates that the server's certificate is verified with")
	apiKey     = flag.String("key", "", "API key for the server")
	skipBetter = flag.Bool("skip-better", false, "skip the rules in which this project differs from other servers")
)

// TestURL checks the server at a URL:
//
//	go test ./internal/storetest -run TestURL -url http://127.0.0.1:50051
//
// The events that the rules append remain in the server.
func TestURL(t *testing.T) {
	if *url == "" {
		t.Skip("no -url")
	}
	storetest.Run(t, func(t storetest.T) dcb.EventStore {
		c, err := client.Dial(*url, &client.Options{CAFile: *caFile, APIKey: *apiKey})
		if err != nil {
			t.Fatalf("connecting to %s: %v", *url, err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}, storetest.Options{Shared: true, SkipBetter: *skipBetter})
}
