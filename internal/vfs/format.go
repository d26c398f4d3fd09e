package vfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// CRC is the table of CRC-32C, the checksum in all files of a store.
var CRC = crc32.MakeTable(crc32.Castagnoli)

// ErrVersion is returned when a file has a format version that this program does not
// support. The file is not corrupt.
var ErrVersion = errors.New("unknown format version")

// errFormat is returned for bytes that are not of a format.
var errFormat = errors.New("wrong size, magic or checksum")

// Format is the format of a small file of a fixed size. All numbers are little-endian.
//
//	     0  8  magic
//	     8  4  format version
//	        …  content
//	Size-4  4  CRC-32C of all bytes before it
type Format struct {
	Magic   string // 8 bytes
	Version uint32
	Size    int
}

// New returns a file without content, which Seal completes.
func (f *Format) New() []byte {
	b := make([]byte, f.Size)
	copy(b, f.Magic)
	binary.LittleEndian.PutUint32(b[len(f.Magic):], f.Version)
	return b
}

// Seal sets the checksum of a file and returns the file.
func (f *Format) Seal(b []byte) []byte {
	end := f.Size - crc32.Size
	binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[:end], CRC))
	return b
}

// Check returns an error if b is not a file of the format, which matches ErrVersion if it is
// a valid one of another version.
func (f *Format) Check(b []byte) error {
	end := f.Size - crc32.Size
	if len(b) != f.Size || string(b[:len(f.Magic)]) != f.Magic || binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], CRC) {
		return errFormat
	}
	if version := binary.LittleEndian.Uint32(b[len(f.Magic):]); version != f.Version {
		return fmt.Errorf("%w %d; this program supports version %d", ErrVersion, version, f.Version)
	}
	return nil
}
