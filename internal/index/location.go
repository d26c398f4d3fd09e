package index

import "encoding/binary"

// Location is the place of an event's record in the log, and the CRC-32C of the
// record. The segment follows from the event's position.
type Location struct {
	Offset int64  // in the segment, below 2^40
	Size   uint32 // in bytes, below 2^24
	CRC    uint32
}

// locationBytes is the encoded size of a Location; it divides pagePayload.
const locationBytes = 12

// encode encodes a location, little-endian:
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

// manyLocations is the number of locations from which on their pages are not cached. They are
// those of a scan, which would fill the cache with pages that it does not need again.
const manyLocations = 128

// Locations appends the locations of the n positions that start at from.
func (b *Block) Locations(dst []Location, from uint64, n int) ([]Location, error) {
	const perPage = pagePayload / locationBytes
	s := newScratch()
	defer s.free()
	read := b.page
	if n >= manyLocations {
		read = b.pageOfScan
	}
	for at := from - b.First; n > 0; {
		page, err := read(1+int64(b.directoryPages)+int64(at/perPage), s)
		if err != nil {
			return dst, err
		}
		for i := at % perPage; i < perPage && n > 0; i++ {
			dst = append(dst, decodeLocation(page[i*locationBytes:]))
			at++
			n--
		}
	}
	return dst, nil
}
