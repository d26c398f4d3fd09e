package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// reply contains the fields of AppendResponse, HeadResponse and ReadResponse that
// the benchmark needs.
type reply struct {
	events int64  // the sum over all messages
	number uint64 // position or head
}

// The tags of the fields: number and wire type.
const (
	wireVarint = uint64(protowire.VarintType)
	wireBytes  = uint64(protowire.BytesType)

	tagPosition = 1<<3 | wireVarint
	tagEvents   = 1<<3 | wireBytes
	tagHead     = 2<<3 | wireVarint
)

// add adds a response. Events are counted and not decoded, to keep the cost of the client low.
func (r *reply) add(data []byte) error {
	for len(data) > 0 {
		tag, n := binary.Uvarint(data)
		if n <= 0 {
			return errTruncated
		}
		value, m := binary.Uvarint(data[n:])
		if m <= 0 {
			return errTruncated
		}
		data = data[n+m:]
		switch tag {
		case tagPosition, tagHead:
			r.number = value
		case tagEvents:
			r.events++
			if value > uint64(len(data)) {
				return errTruncated
			}
			data = data[value:]
		default:
			return fmt.Errorf("unexpected field in a response (tag %d)", tag)
		}
	}
	return nil
}

var errTruncated = errors.New("truncated response")
