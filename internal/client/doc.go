// Package client is an event store on a server, reached over gRPC.
//
// What may be sent again when the server cannot be reached is sent again: reads
// that have not begun, Head and GetTrackingInfo; a subscription resumes after the
// last event that it has returned. An append is sent again only if doing it twice
// comes to the same as doing it once.
//
// The package starts no goroutines beside those of the gRPC connection, which
// Close ends. A read or subscription holds a stream until it ends or is closed.
package client
