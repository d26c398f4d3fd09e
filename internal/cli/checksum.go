package cli

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// checksum is the CRC-32C of the lines of an export so far.
type checksum uint32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (c *checksum) add(text []byte) {
	*c = checksum(crc32.Update(uint32(*c), castagnoli, text))
}

// String returns the checksum as eight hexadecimal digits.
func (c checksum) String() string { return fmt.Sprintf("%08x", uint32(c)) }

// errChecksum is returned for an export that is complete but corrupt.
var errChecksum = errors.New("the export is corrupt: checksum mismatch; fetch or create it again, and import it into an empty directory")

// verify compares the checksum of the lines before the end line with the one in the end
// line, if it has one.
func (e *end) verify(before checksum) error {
	if e.CRC32C == nil || *e.CRC32C == before.String() {
		return nil
	}
	return errChecksum
}
