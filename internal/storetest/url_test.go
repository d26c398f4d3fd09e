package storetest_test

import (
	"flag"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/storetest"
)

var (
	url        = flag.String("url", "", "check the server at this URL; nobody else may append to it meanwhile")
	caFile     = flag.String("ca", "", "PEM file of the certificates that may have signed the server's")
	apiKey     = flag.String("key", "", "API key for the server")
	skipBetter = flag.Bool("skip-better", false, "leave out what other servers do otherwise")
)

// TestURL checks any server:
//
//	go test ./internal/storetest -run TestURL -url http://127.0.0.1:50051
//
// The server keeps the events that the rules append.
func TestURL(t *testing.T) {
	if *url == "" {
		t.Skip("no -url is given")
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
