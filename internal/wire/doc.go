// Package wire is what travels between a client and a server beside the bytes
// of events: the errors, in both directions and from one table, and the gRPC
// codec that lets messages pass as the bytes they are.
package wire
