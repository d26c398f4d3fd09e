// Package server is the gRPC door to an event store: five methods over the
// Store interface, health and reflection beside them, and everything that
// keeps one caller from harming the others.
//
// A handler receives the bytes of a request, validates them, calls the store
// and sends the bytes that it answers; events are neither decoded nor encoded
// here. Every call passes tap before the transport makes a stream of it, and then
// guard, which authenticates it and turns what its handler returns, or panics with,
// into a status.
//
// Everything that a client can make the server hold is counted and bounded (bounds.go):
// connections (connections.go), calls until the transport drops them (calls.go,
// connection.go), and the bytes of requests, parsed queries and messages (budget.go,
// capacity.go).
//
// The goroutines are those of the gRPC server and the monitor (monitor.go), which New
// starts and Shutdown ends, one for each Serve with TLS, which warns of a certificate
// that expires (tls.go), and one for each reflection stream, which ends with the stream.
package server
