package client_test

import (
	"context"
	"log"
	"net"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/server"
)

// serve starts a server on a free port for an example, which has no *testing.T.
func serve(store dcb.EventStore) (url string, stop func()) {
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
	return "http://" + listener.Addr().String(), func() {
		if err := s.Shutdown(context.Background()); err != nil {
			log.Fatal(err)
		}
		if err := <-served; err != nil {
			log.Fatal(err)
		}
		store.Close()
	}
}
