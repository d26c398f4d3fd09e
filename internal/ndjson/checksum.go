package ndjson

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// End is the last line of an export. An export without it is incomplete.
type End struct {
	Head   uint64  `json:"head"`
	CRC32C *string `json:"crc32c"` // of all previous lines, as formatted by checksum
}

// ErrChecksum is returned for an export that is complete but corrupt.
var ErrChecksum = errors.New("the export is corrupt: checksum mismatch; fetch or create it again, and import it into an empty directory")

// verify compares the checksum of the lines before the end line with the one in the end
// line, if it has one.
func (e *End) verify(before checksum) error {
	if e.CRC32C == nil || *e.CRC32C == before.String() {
		return nil
	}
	return ErrChecksum
}

// checksum is the CRC-32C of the lines of an export so far.
type checksum uint32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// add adds text, which includes the newline of each line.
func (c *checksum) add(text []byte) {
	*c = checksum(crc32.Update(uint32(*c), castagnoli, text))
}

// String returns the checksum as eight hexadecimal digits.
func (c checksum) String() string { return fmt.Sprintf("%08x", uint32(c)) }
