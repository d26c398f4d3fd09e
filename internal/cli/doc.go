// Package cli is the command line of UmaDB as a library, one file per verb, so
// that other programs can offer the same commands.
//
// Every flag can also be given as an environment variable: --db-path is
// UMADB_DB_PATH. The flag wins. Results go to standard output; errors, one
// sentence each, and the log go to standard error.
package cli
