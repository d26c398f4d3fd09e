// Package servertest starts servers as processes, for tests and benchmarks: their
// addresses, their certificates, their output and their end. It installs the released
// server.
package servertest
