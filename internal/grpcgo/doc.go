// Package grpcgo contains what the client uses of grpc-go without a guarantee: the order in
// which things happen, and the texts of errors. It finds out how far a failed call came
// (attempt.go), converts the texts of errors (text.go), and reads the details of a status,
// which the server adds (details.go).
//
// Each of these has a subtest in contract_test.go, against the version of grpc-go in
// go.mod. If one fails after an upgrade, only this package has to be adapted.
package grpcgo
