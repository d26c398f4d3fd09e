// Package ndjson writes events as lines of JSON and parses them. docs/ndjson.md describes
// the format, which "umadb read --json", append, export and import share.
//
// A line is an event, a tracking-only record or, as the last line of an export, its end with
// a checksum. Parsing the line of an event returns the same event, byte for byte. A line
// contains no characters that control a terminal: they are escaped.
package ndjson
