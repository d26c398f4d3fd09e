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

// String gives eight digits.
func (c checksum) String() string { return fmt.Sprintf("%08x", uint32(c)) }

// errDamaged is why an export is refused that has all its lines.
var errDamaged = errors.New("the export is not as it was written, for its checksum is another: fetch or make it again, and import it into an empty directory")

// verify holds the checksum of the lines before the end against the one that the end
// has, if it has one.
func (e *end) verify(before checksum) error {
	if e.CRC32C == nil || *e.CRC32C == before.String() {
		return nil
	}
	return errDamaged
}
