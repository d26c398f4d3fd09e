// Package keyfile reads and edits the file of the API keys of a server: a table [[key]] in
// TOML for each key, with the hash of the key and what it permits. The keys themselves are
// not in the file.
//
// Parsing is strict, since a mistake that is ignored would permit too much: unknown names,
// wrong types and contradictions are errors with the number of the line. No error contains
// a value that might be a key.
package keyfile
