// Package server serves an event store over gRPC: the methods of the DCB
// service over the Store interface, the health and reflection services, and the
// limits that protect clients from each other.
//
// A handler receives the bytes of a request, validates them, calls the store
// and sends the bytes that the store returns; events are neither decoded nor
// encoded here. The transport passes every call to callHandler (calls.go), which counts
// and authenticates it, serves it inline (inline.go) or with its handler (handlers.go, terms.go),
// and converts the error or panic of the handler to a status.
//
// All memory that a client can make the server use is counted and bounded (bounds.go):
// connections (connections.go), calls (calls.go), and the bytes of requests, parsed
// queries and messages (budget.go, capacity.go).
//
// The goroutines are those of the transport; the monitor (monitor.go), which New
// starts and Shutdown ends; and one for each Serve with TLS, which warns before the
// certificate expires (tls.go).
//
// # Locks
//
// A goroutine takes locks in this order: the authenticator's (auth.go), which is held while
// keys are replaced; that of lastingCalls (lasting.go), while calls that these keys do not
// permit are ended; and that of the transport's connection of such a call. The lock of
// connections (connections.go) is held while a refused connection is counted in the notices
// (notices.go). Otherwise a goroutine holds one lock at a time.
package server
