// Package etcd keeps a shared log in an etcd cluster.
//
// A log is a few keys and a key for each record, below a prefix, see keys.go. Several logs can be
// in one cluster, each below a prefix of its own.
//
// # Durability
//
// etcd acknowledges a write when a majority of its members has synced it, and no member shows what
// is not committed. An append is one transaction that compares the only key that has the last
// point. The cluster must not run with --unsafe-no-fsync, which a client cannot see.
//
// Last is a linearizable read. Before etcd 3.6.9, such a read could be answered by a question that
// was asked before it began, so Open refuses older members, and never uses a member of which
// it does not know the version.
//
// # Space
//
// etcd keeps few records: its members have the last entries of their own log in memory
// (--snapshot-catchup-entries), and refuse all writes when the database reaches its quota
// (--quota-backend-bytes, 2 GiB by default). So the log is a Limited one, which stores trim. etcd
// also keeps the history of its keys, also of deleted ones, until it is compacted. This package
// compacts it after a trim, and at times when replicas report. That affects the whole cluster,
// which therefore must not be that of other software which reads old revisions, such as
// Kubernetes.
package etcd
