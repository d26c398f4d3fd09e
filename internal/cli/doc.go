// Package cli implements the command line of UmaDB as a library, so that other programs
// can offer the same commands. Each command has its own file.
//
// Flags that do not concern a single call can also be set by an environment variable:
// UMADB_DB_PATH sets --db-path. A flag has precedence. Results are written to standard
// output; errors, one sentence each, and the log to standard error.
package cli
