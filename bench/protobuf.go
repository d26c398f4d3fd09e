package main

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// wireField is a field of an encoded message, with one of its values.
type wireField struct {
	number protowire.Number
	varint uint64
	bytes  []byte
}

// eachField calls visit for each field of a message that consists of varints and
// length-delimited fields.
func eachField(message []byte, visit func(f wireField)) error {
	for len(message) > 0 {
		number, wireType, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		f := wireField{number: number}
		switch wireType {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			return fmt.Errorf("unexpected wire type %d in a response", wireType)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		visit(f)
	}
	return nil
}

// varintField returns a field of a message, 0 if it is absent.
func varintField(message []byte, number protowire.Number) (value uint64, err error) {
	err = eachField(message, func(f wireField) {
		if f.number == number {
			value = f.varint
		}
	})
	return value, err
}

func appendVarintField(dst []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), value)
}

func appendBytesField(dst []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), value)
}
