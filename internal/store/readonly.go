package store

import (
	"fmt"

	"github.com/umadb-go/umadb/dcb"
)

// errReadOnly is the answer to an append to a store that is only read.
var errReadOnly = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the store is open to be read only; open it without that option to append"}

// mayHold refuses to gather more of the index in memory than a store that writes
// its index may.
func (s *Store) mayHold(memories int) error {
	if memories <= maxMemories+1 {
		return nil
	}
	return &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("%s has so little of its index that it must be built on the disk first; open a copy that can be written", s.dir)}
}
