// Package transfer copies stores: to and from exports, and from a server, once or
// continuously.
//
// A copy reads Records, from the log of a store (FromLog), from a server (FromServer) or
// from an export (Reader), and writes them as lines (Export) or into a Target (Import,
// Pull, Follow). A target that already has events must be a prefix of the source: they are
// compared, and nothing is written before all of them match. So an interrupted copy is
// continued by the same call.
//
// The package prints nothing. Progress is passed to functions of the caller.
package transfer
