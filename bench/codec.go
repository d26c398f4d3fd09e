package main

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// frame is an encoded request. It may be reused after the call has succeeded: the
// server has then read all of it.
type frame []byte

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

// codec sends frames unchanged and counts events instead of decoding them, to keep
// the cost of the client low.
type codec struct{}

// Name returns the content subtype, which every gRPC server supports.
func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*frame))}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	r := data.Reader()
	defer r.Close()
	return v.(*reply).add(r)
}

func (r *reply) add(data *mem.Reader) error {
	for data.Remaining() > 0 {
		tag, err := binary.ReadUvarint(data)
		if err != nil {
			return err
		}
		value, err := binary.ReadUvarint(data)
		if err != nil {
			return err
		}
		switch tag {
		case tagPosition, tagHead:
			r.number = value
		case tagEvents:
			r.events++
			if n, err := data.Discard(int(value)); err != nil || uint64(n) != value {
				return fmt.Errorf("truncated event in a response")
			}
		default:
			return fmt.Errorf("unexpected field in a response (tag %d)", tag)
		}
	}
	return nil
}
