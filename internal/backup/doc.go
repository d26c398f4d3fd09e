// Package backup makes copies of stores: it copies commit groups from a Source to a
// directory, once or continuously, and restores a store from a copy, up to a position or
// a time if wanted. A copy has the same segments as its source, with the same bytes, and
// opens like any other store.
//
// A copy is continued after its last group, which the source must have with the same
// chain: otherwise the source has another history, or the copy was written since. Adopt
// makes a directory such a copy, for a standby.
package backup
