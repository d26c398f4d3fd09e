package sharedlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Numbers in records. They never change within a version.
const (
	// Version is the version of the records that Encode and Decode support.
	Version = 1

	recordMagic   = "UmaR"
	flagSegment   = 1 << 0 // the group starts a segment
	addressOffset = 22
	checksumBytes = 4
)

// MaxAddress is the maximum length of an address in bytes.
const MaxAddress = 255

// Overhead is the maximum number of bytes by which a record is larger than its group.
const Overhead = addressOffset + 2 + MaxAddress + checksumBytes

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Envelope is what a record contains beside its group.
//
//	 0  4  magic "UmaR"
//	 4  1  version
//	 5  1  flags: 1 if the group starts a segment
//	 6 16  writer
//	22  n  length of the address, as a uvarint, and the address
//	    4  CRC-32C of all before, little-endian
//	       the group: header and payload, as in a segment file
//
// The checksum covers the envelope. The group has checksums of its own.
type Envelope struct {
	// Writer is the identity of the process that appended the record, random at each start.
	Writer ID
	// Address is where other servers reach the writer. It may be empty.
	Address string
	// StartsSegment reports whether the group starts a segment of the writer's log, so that
	// all replicas have the same segments.
	StartsSegment bool
}

// Encode returns the record of a group. The address must have at most MaxAddress bytes.
func Encode(e Envelope, group []byte) ([]byte, error) {
	if len(e.Address) > MaxAddress {
		return nil, fmt.Errorf("the address has %d bytes, over %d: %.40s…", len(e.Address), MaxAddress, e.Address)
	}
	b := make([]byte, 0, Overhead+len(group))
	b = append(b, recordMagic...)
	flags := byte(0)
	if e.StartsSegment {
		flags = flagSegment
	}
	b = append(b, Version, flags)
	b = append(b, e.Writer[:]...)
	b = binary.AppendUvarint(b, uint64(len(e.Address)))
	b = append(b, e.Address...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, group...), nil
}

// Decode returns the envelope and the group of a record. It does not verify the group, which
// aliases the record. It checks the version before the checksum, because another version may
// have a different layout. The error wraps ErrVersion or ErrCorrupt.
func Decode(record []byte) (e Envelope, group []byte, err error) {
	if len(record) < addressOffset || string(record[:4]) != recordMagic {
		return e, nil, fmt.Errorf("%w: it has no envelope", ErrCorrupt)
	}
	if record[4] != Version {
		return e, nil, fmt.Errorf("%w %d: this program supports version %d", ErrVersion, record[4], Version)
	}
	length, n := binary.Uvarint(record[addressOffset:])
	address := addressOffset + n
	if n <= 0 || length > MaxAddress || n != len(binary.AppendUvarint(nil, length)) || len(record) < address+int(length)+checksumBytes {
		return e, nil, fmt.Errorf("%w: the envelope is incomplete", ErrCorrupt)
	}
	end := address + int(length)
	if binary.LittleEndian.Uint32(record[end:]) != crc32.Checksum(record[:end], castagnoli) {
		return e, nil, fmt.Errorf("%w: checksum mismatch of the envelope", ErrCorrupt)
	}
	flags := record[5]
	if flags&^flagSegment != 0 {
		return e, nil, fmt.Errorf("%w %d: unknown flags %#x", ErrVersion, Version, flags)
	}
	e.StartsSegment = flags&flagSegment != 0
	copy(e.Writer[:], record[6:])
	e.Address = string(record[address:end])
	return e, record[end+checksumBytes:], nil
}
