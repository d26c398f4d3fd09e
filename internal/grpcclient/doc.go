// Package grpcclient makes gRPC calls with one request each: unary calls, and calls whose
// response is a stream of messages.
//
// A gRPC client usually hands each request to a goroutine that writes, and starts goroutines
// and timers for contexts. Here the goroutine of the caller encodes its request into the
// output of the connection and writes it, unless another one is writing, which then writes
// both: one write carries the requests of many callers. One goroutine for each connection
// reads frames and ends calls.
//
// Frames and header fields are read and written with golang.org/x/net/http2 and its hpack
// package; tests compare the result with other implementations.
//
// The files, in the order in which a call uses them: conn.go (a server that is connected
// when it is needed), connect.go (attempts to connect), session.go (one HTTP/2 connection),
// call.go (the life of a call), output.go and request.go (what is sent), frames.go (what
// arrives), answer.go (headers and status), inbox.go (messages), stream.go (reading them),
// keepalive.go (pings and idle connections), certificate.go (servers that refuse the
// certificate of the client), positions.go (of clients with several servers), errors.go.
package grpcclient
