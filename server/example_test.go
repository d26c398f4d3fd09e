package server_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/server"
)

// A server is shut down before its store is closed.
func ExampleServer() {
	store := umadb.OpenMemory() // or umadb.Open, for a directory
	defer store.Close()
	s, err := server.New(store, server.Options{})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()

	// Clients use the server and the program uses the store.

	if err := s.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-served)
	// Output: <nil>
}
