// Package client implements an event store that calls a server over gRPC.
//
// If the server cannot be reached, the client retries Head, GetTrackingInfo and
// reads that have not returned an event; a subscription resumes after the last
// event that it has returned. An append is retried only if appending twice has the
// same effect as appending once.
//
// A client may have several servers with the same events. Calls take turns between those that
// work; appends stay with one. A call that fails moves to another server at once, under the
// same rules as a retry; a read that has returned events continues there. With each call the
// client sends the highest position that it has seen, and a server that does not have it yet waits.
//
// The files, in the order in which a call uses them: target.go (URLs), client.go, connect.go
// (connecting), servers.go (which server is next), attempts.go (attempts of a call), call.go
// (unary calls), append.go, read.go, terms.go, messages.go (streams), continue.go (reads that continue
// at another server), pool.go (connections to a server), credentials.go, health.go.
//
// The package starts no goroutines except those of the gRPC connections, which
// Close ends. A read or subscription uses a stream until it ends or is closed.
package client
