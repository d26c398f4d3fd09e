// Package eventtable writes stored events as rows of a table, for programs that analyse data.
// docs/tables.md describes the columns.
//
// NewCSV writes CSV. Parquet is written by package internal/eventtable/parquet, which needs a large
// library: only programs that import it link that library.
package eventtable
