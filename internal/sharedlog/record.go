package sharedlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// Numbers in records. They never change within a version.
const (
	// Version is the version of the records that a Codec encodes and decodes.
	Version = 1

	recordMagic   = "UmaR"
	flagZstd      = 1 << 0 // the group is compressed
	flagSegment   = 1 << 1 // the group starts a segment
	addressOffset = 22
	checksumBytes = 4
)

// MaxAddress is the maximum length of an address in bytes.
const MaxAddress = 255

// Overhead is the maximum number of bytes by which a record is larger than its group.
const Overhead = addressOffset + 2 + MaxAddress + checksumBytes

// compressFrom is the size in bytes from which compression of a group is tried.
const compressFrom = 256

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Envelope is what a record contains beside its group.
//
//	 0  4  magic "UmaR"
//	 4  1  version
//	 5  1  flags: 1 if the group is compressed with zstd, 2 if it starts a segment
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

// flags returns the flags of the envelope itself.
func (e Envelope) flags() byte {
	if e.StartsSegment {
		return flagSegment
	}
	return 0
}

// Codec encodes and decodes records. Any number of goroutines may use it. It belongs to one
// store: an encoder that all stores of a program share could not be used in tests with virtual
// time.
type Codec struct {
	maxGroup int
	encoder  *zstd.Encoder
	decoder  *zstd.Decoder
}

// NewCodec returns a codec for groups of at most maxGroup bytes.
func NewCodec(maxGroup int) *Codec {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are constants
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err)
	}
	return &Codec{maxGroup: maxGroup, encoder: encoder, decoder: decoder}
}

// Encode returns the record of a group, compressed if that makes it smaller. The address must
// have at most MaxAddress bytes.
func (c *Codec) Encode(e Envelope, group []byte) ([]byte, error) {
	if len(e.Address) > MaxAddress {
		return nil, fmt.Errorf("the address has %d bytes, over %d: %.40s…", len(e.Address), MaxAddress, e.Address)
	}
	if len(group) > c.maxGroup {
		return nil, fmt.Errorf("the group has %d bytes, over %d", len(group), c.maxGroup)
	}
	if len(group) >= compressFrom {
		header := e.append(make([]byte, 0, Overhead+len(group)), e.flags()|flagZstd)
		if record := c.encoder.EncodeAll(group, header); len(record) < len(header)+len(group) {
			return record, nil
		}
	}
	return append(e.append(make([]byte, 0, Overhead+len(group)), e.flags()), group...), nil
}

// append appends the encoded envelope.
func (e Envelope) append(b []byte, flags byte) []byte {
	b = append(b, recordMagic...)
	b = append(b, Version, flags)
	b = append(b, e.Writer[:]...)
	b = binary.AppendUvarint(b, uint64(len(e.Address)))
	b = append(b, e.Address...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Decode returns the envelope and the group of a record. It does not verify the group, which
// may alias the record. The error wraps ErrVersion or ErrCorrupt.
func (c *Codec) Decode(record []byte) (e Envelope, group []byte, err error) {
	e, flags, group, err := decodeEnvelope(record)
	if err == nil && flags&flagZstd != 0 {
		group, err = c.decompress(group)
	}
	if err == nil && len(group) > c.maxGroup {
		err = c.tooLarge(uint64(len(group)))
	}
	if err != nil {
		return Envelope{}, nil, err
	}
	return e, group, nil
}

// decodeEnvelope checks the version before the checksum, because another version may have
// a different layout.
func decodeEnvelope(record []byte) (e Envelope, flags byte, body []byte, err error) {
	if len(record) < addressOffset || string(record[:4]) != recordMagic {
		return e, 0, nil, fmt.Errorf("%w: it has no envelope", ErrCorrupt)
	}
	if record[4] != Version {
		return e, 0, nil, fmt.Errorf("%w %d: this program supports version %d", ErrVersion, record[4], Version)
	}
	length, n := binary.Uvarint(record[addressOffset:])
	address := addressOffset + n
	if n <= 0 || length > MaxAddress || len(record) < address+int(length)+checksumBytes {
		return e, 0, nil, fmt.Errorf("%w: the envelope is incomplete", ErrCorrupt)
	}
	end := address + int(length)
	if binary.LittleEndian.Uint32(record[end:]) != crc32.Checksum(record[:end], castagnoli) {
		return e, 0, nil, fmt.Errorf("%w: checksum mismatch of the envelope", ErrCorrupt)
	}
	if flags = record[5]; flags&^(flagZstd|flagSegment) != 0 {
		return e, 0, nil, fmt.Errorf("%w %d: unknown flags %#x", ErrVersion, Version, flags)
	}
	e.StartsSegment = flags&flagSegment != 0
	copy(e.Writer[:], record[6:])
	e.Address = string(record[address:end])
	return e, flags, record[end+checksumBytes:], nil
}

// decompress returns the content of a zstd frame, which must contain the size of its content.
func (c *Codec) decompress(frame []byte) ([]byte, error) {
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if header.Skippable || !header.HasFCS {
		return nil, fmt.Errorf("%w: the compressed group has no size", ErrCorrupt)
	}
	size := header.FrameContentSize
	if size > uint64(c.maxGroup) {
		return nil, c.tooLarge(size)
	}
	group, err := c.decoder.DecodeAll(frame, make([]byte, 0, size))
	if err == nil && uint64(len(group)) != size {
		err = fmt.Errorf("the compressed group has %d bytes instead of %d", len(group), size)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return group, nil
}

func (c *Codec) tooLarge(size uint64) error {
	return fmt.Errorf("%w: the group has %d bytes, over %d", ErrCorrupt, size, c.maxGroup)
}
