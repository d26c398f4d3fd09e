// Package interop tests our server with the released UmaDB client for Python, our
// client with the released server, both through proxies, servers that share a log in etcd and
// PostgreSQL, the alerts and the dashboard with a real Prometheus, and the commands in
// the documentation.
//
// The released package, which contains client and server, is installed from the
// Python package index into .cache/ at the root of the repository. Proxies and
// Prometheus are unpacked there from Debian packages, unless they are installed.
// If they are not available the tests are skipped, or fail if CI is set or
// UMADB_TEST_INTEROP=required.
package interop
