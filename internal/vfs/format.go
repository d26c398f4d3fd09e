package vfs

import (
	"errors"
	"hash/crc32"
)

// CRC is the table of CRC-32C, the checksum in all files of a store.
var CRC = crc32.MakeTable(crc32.Castagnoli)

// ErrVersion is returned when a file has a format version that this program does not
// support. The file is not corrupt.
var ErrVersion = errors.New("unknown format version")
