package wire

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// protobuf is the codec for messages that are not frames.
var protobuf = encoding.GetCodecV2(proto.Name)

// Codec is a "proto" codec that passes a *Frame through unchanged and encodes
// every other message as protobuf.
type Codec struct{}

var _ encoding.CodecV2 = Codec{}

// Name returns the name of the codec that this one replaces, since the name is
// part of the content type.
func (Codec) Name() string { return proto.Name }

// Marshal returns the bytes of a frame, or encodes v.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	if frame, ok := v.(*Frame); ok {
		return frame.data, nil
	}
	return protobuf.Marshal(v)
}

// Unmarshal stores the bytes in a frame, which must be freed, or decodes them
// into v.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	if frame, ok := v.(*Frame); ok {
		data.Ref()
		frame.data = data
		return nil
	}
	return protobuf.Unmarshal(data, v)
}
