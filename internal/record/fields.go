package record

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/umadb-go/umadb/dcb"
)

// field is one field of an encoded message.
type field struct {
	number protowire.Number
	wire   protowire.Type
	bytes  []byte // the content, if wire is protowire.BytesType or Fixed64Type
	varint uint64 // the value, if wire is protowire.VarintType
	start  int    // offset of the tag in the message
	end    int    // offset after the field
}

var errMalformed = errors.New("not a protobuf message")

// eachField calls visit for each field of a message, in order, and returns the
// first error.
func eachField(message []byte, visit func(field) error) error {
	for f, err := range fields(message) {
		if err != nil {
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// fields returns an iterator over the fields of a message. An error ends it.
func fields(message []byte) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for offset := 0; offset < len(message); {
			f, err := nextField(message, offset)
			if !yield(f, err) || err != nil {
				return
			}
			offset = f.end
		}
	}
}

func nextField(message []byte, offset int) (field, error) {
	number, wire, n := protowire.ConsumeTag(message[offset:])
	if n < 0 || number > protowire.MaxValidNumber {
		return field{}, malformed(offset)
	}
	f := field{number: number, wire: wire, start: offset}
	value := message[offset+n:]
	var m int
	switch wire {
	case protowire.BytesType:
		f.bytes, m = protowire.ConsumeBytes(value)
	case protowire.VarintType:
		f.varint, m = protowire.ConsumeVarint(value)
	default:
		m = protowire.ConsumeFieldValue(number, wire, value)
		if wire == protowire.Fixed64Type && m > 0 {
			f.bytes = value[:m]
		}
	}
	if m < 0 {
		return field{}, malformed(offset)
	}
	f.end = offset + n + m
	return f, nil
}

// validText reports whether the fields of a message numbered up to last, which
// are strings, are valid UTF-8, including those that a later field replaces.
func validText(message []byte, last protowire.Number) bool {
	return eachField(message, func(f field) error {
		if f.wire == protowire.BytesType && f.number <= last && !utf8.Valid(f.bytes) {
			return errMalformed
		}
		return nil
	}) == nil
}

func malformed(offset int) error {
	return fmt.Errorf("%w (at byte %d)", errMalformed, offset)
}

// message reports whether the field has the given number and contains bytes. A
// known number with a wire type that is not in the schema is an unknown field.
func (f field) message(number protowire.Number) bool {
	return f.number == number && f.wire == protowire.BytesType
}

func (f field) scalar(number protowire.Number) bool {
	return f.number == number && f.wire == protowire.VarintType
}

// uint32 returns the value truncated to 32 bits, as protobuf decodes a uint32.
func (f field) uint32() uint32 { return uint32(f.varint & math.MaxUint32) }

func invalid(format string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf(format, args...)}
}

// asInvalid converts any error to an invalid-argument error.
func asInvalid(err error) error {
	if err == nil || errors.Is(err, dcb.ErrInvalidArgument) {
		return err
	}
	return invalid("cannot decode the request: %v", err)
}

// sizeOfBytes returns the encoded size of a length-delimited field numbered below 16.
func sizeOfBytes(n int) int { return 1 + protowire.SizeBytes(n) }

// sizeUint returns the encoded size of a varint field numbered below 16.
func sizeUint(value uint64) int { return 1 + protowire.SizeVarint(value) }

// appendBytes appends a length-delimited field.
func appendBytes[T ~string | ~[]byte](dst []byte, number protowire.Number, value T) []byte {
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// appendText appends a string field unless it is empty.
func appendText(dst []byte, number protowire.Number, value string) []byte {
	if value == "" {
		return dst
	}
	return appendBytes(dst, number, value)
}

// appendUint appends a varint field.
func appendUint(dst []byte, number protowire.Number, value uint64) []byte {
	dst = protowire.AppendTag(dst, number, protowire.VarintType)
	return protowire.AppendVarint(dst, value)
}
