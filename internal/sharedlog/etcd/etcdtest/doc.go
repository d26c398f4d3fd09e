// Package etcdtest starts etcd clusters for tests, of members that can be killed, paused and
// started again. They listen on loopback addresses. The server is built once, from the module in
// the directory server.
package etcdtest
