// Package postgres keeps a shared log in a PostgreSQL database.
//
// A log is a schema of three tables: the head row with the last point and the origin, the
// records, and the reports of replicas. Several logs can be in one database, each in a schema
// of its own. See schema.go.
//
// # Durability
//
// A commit is acknowledged when the synchronous standbys have it, and becomes visible at the
// same moment. Two events make a commit visible that no standby has:
//
//   - A restart. Commits that were waiting for a standby are then complete. Therefore each new
//     connection commits a change of the head row, a barrier, before it is used: the
//     standbys have it only after all commits before it.
//   - A cancelled or terminated wait. Append returns an error, and the next Read of this client
//     starts with a barrier. The client itself never cancels a request: the driver would send
//     a cancel request with each broken connection or ended context, see connect.go.
//
// A barrier does not help other clients if a person cancels the wait by hand. They may read
// the record, and if the primary is then lost before the standbys have it, the stores
// that read it notice that their history differs, and stop.
//
// PostgreSQL is as safe as its configuration. Open refuses a server with fsync or
// full_page_writes off, one before version 14, and a standby, and warns if there are no
// synchronous standbys. On promotion, the standby with the most WAL must be chosen.
// Connections must not go through a pooler in transaction mode, since the settings of the
// session would be lost.
package postgres
