package sharedlog

import "encoding/hex"

// Point identifies a record among those of all histories of a store, by its index and the
// chain of its group. It is also the place after that record. The zero value is the place
// before the first group of a store. A Point converts to and from eventlog.GroupID.
type Point struct{ Index, Chain uint64 }

// ID is a random identity.
type ID [16]byte

// String returns the hexadecimal form.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Origin is the start of a log. It never changes.
type Origin struct {
	Log   ID // of this log; random
	Store ID // of the store whose groups the log contains
	// Point is the group after which the log starts: zero, or the last group of a store that
	// existed before the log.
	Point Point
}
