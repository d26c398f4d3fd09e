// Package transport serves gRPC calls on accepted connections.
//
// A gRPC server usually has a goroutine, a context and a timer for each call, and hands its
// bytes from the goroutine that reads the connection to the call's, and back to one that
// writes. For a call of a few microseconds that costs more than the call. Here the goroutine
// that reads a connection serves such calls itself:
//
//   - A Handler is offered each small request as soon as it is complete. It may answer it
//     at once, or later from any goroutine, with Stream.Reply or Stream.Fail.
//   - All other calls are served by a goroutine of their own, with a Stream that is a
//     grpc.ServerStream.
//   - Answers are collected in the output of their connection. The goroutine that reads
//     the connection writes them when it has handled all frames that have arrived, others
//     start a goroutine if none is writing. So one write carries the answers of many calls.
//
// Frames and header fields are read and written with golang.org/x/net/http2 and its hpack
// package; tests compare the result with other implementations.
//
// The files, in the order in which a connection uses them: server.go (accepting, stopping),
// conn.go (its life), frames.go (what arrives), header.go (the headers of a call), stream.go
// (a call), inline.go (answers without a goroutine), body.go (the request of a call),
// output.go (what is sent), keepalive.go (pings), drain.go (the end of a connection).
package transport
