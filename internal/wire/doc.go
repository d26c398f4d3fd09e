// Package wire contains what a client and a server share besides the encoding
// of events: the mapping between errors and gRPC statuses, in both directions
// from one table, and the buffers that messages are built in.
package wire
