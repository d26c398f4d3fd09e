// Package pgtest starts PostgreSQL servers for tests: a primary, and standbys that replicate
// it. They listen on Unix sockets in a temporary directory only.
package pgtest
