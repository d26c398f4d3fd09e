package main

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// frame is an encoded request. It may be filled anew after the call for it has
// succeeded: the server has then read all of it.
type frame []byte

// reply is what a client needs of any response: AppendResponse, HeadResponse
// and ReadResponse differ in which of the fields they have.
type reply struct {
	events int64  // added to, a message at a time
	number uint64 // the position or the head
}

// The tags of the fields: number and wire type.
const (
	wireVarint = uint64(protowire.VarintType)
	wireBytes  = uint64(protowire.BytesType)

	tagPosition = 1<<3 | wireVarint
	tagEvents   = 1<<3 | wireBytes
	tagHead     = 2<<3 | wireVarint
)

// codec passes frames through, and counts events where a client would decode
// them, so that what is measured is the server.
type codec struct{}

// Name is the content type that every gRPC server knows.
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
				return fmt.Errorf("a response ends within an event")
			}
		default:
			return fmt.Errorf("a response has an unexpected field (tag %d)", tag)
		}
	}
	return nil
}
