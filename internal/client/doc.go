// Package client implements an event store that calls a server over gRPC.
//
// If the server cannot be reached, the client retries Head, GetTrackingInfo and
// reads that have not returned an event; a subscription resumes after the last
// event that it has returned. An append is retried only if appending twice has the
// same effect as appending once.
//
// The package starts no goroutines except those of the gRPC connections, which
// Close ends. A read or subscription uses a stream until it ends or is closed.
package client
