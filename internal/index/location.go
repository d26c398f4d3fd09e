package index

import "encoding/binary"

// Location is where an event's record lies, and the CRC-32C of its bytes. Which
// segment it is in, its position tells.
type Location struct {
	Offset int64  // in the segment, below 2^40
	Size   uint32 // in bytes, below 2^24
	CRC    uint32
}

// locationBytes is the encoded size; it divides a page.
const locationBytes = 12

// encode writes a location, little-endian:
//
//	0 3  size
//	3 5  offset
//	8 4  CRC-32C
func (l Location) encode(b []byte) {
	binary.LittleEndian.PutUint64(b, uint64(l.Offset)<<24|uint64(l.Size))
	binary.LittleEndian.PutUint32(b[8:], l.CRC)
}

func decodeLocation(b []byte) Location {
	place := binary.LittleEndian.Uint64(b)
	return Location{
		Offset: int64(place >> 24),
		Size:   uint32(place & (1<<24 - 1)),
		CRC:    binary.LittleEndian.Uint32(b[8:]),
	}
}
