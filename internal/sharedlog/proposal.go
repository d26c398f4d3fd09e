package sharedlog

import (
	"bytes"
	"errors"
)

// Fate is what a log says about a proposal, the record that was appended at an index.
type Fate int

const (
	// Undecided means that there is no record at the index, or that the log has not answered. The
	// same bytes must be appended again.
	Undecided Fate = iota
	// Decided means that the record is in the log.
	Decided
	// Lost means that another record is at the index, so that this one never will be.
	Lost
	// Forgotten means that the record at the index was trimmed. Whether it was this one cannot be
	// known.
	Forgotten
)

// FateOf returns what a Read from the index of a proposal, which has returned there and err, says
// about it. It is for an append that was not acknowledged: see the package comment.
func FateOf(proposed []byte, there []Record, err error) Fate {
	switch {
	case errors.Is(err, ErrTrimmed):
		return Forgotten
	case err != nil || len(there) == 0:
		return Undecided
	case bytes.Equal(there[0].Bytes, proposed):
		return Decided
	}
	return Lost
}
