// Package transport contains what this module uses of grpc-go without a guarantee: methods
// that no interface exports, the order in which things happen, and the texts of errors.
//
// For a server it wraps accepted connections (connection.go), receives requests (body.go)
// and reports when messages have been written (buffer.go). For a client it finds out how
// far a failed call came (attempt.go) and converts the texts of errors (text.go). Both use
// the details of a status (details.go).
//
// Each of these has a subtest in contract_test.go, against the version of grpc-go in
// go.mod. If one fails after an upgrade, only this package has to be adapted.
package transport
