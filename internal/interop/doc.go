// Package interop tests our server with the released UmaDB client for Python,
// our client with the released server, both with proxies in between, and what the
// documents tell people to type.
//
// The released package, client and server in one, comes from the Python package
// index into .cache/ at the root of the repository, and so do proxies that are not
// installed, from the packages of Debian. Where they cannot be had the tests are
// skipped, but they fail if CI is set, or UMADB_TEST_INTEROP=required.
package interop
