package wire_test

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestCodecPassesFrameUnchanged(t *testing.T) {
	message := bytes.Repeat([]byte("not protobuf"), 1000)
	data, err := wire.Codec{}.Marshal(wire.NewFrame(message))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data.Materialize(), message) || len(data) != 1 {
		t.Errorf("%d bytes in %d buffers", data.Len(), len(data))
	}
}

func TestReceivedFrameKeepsItsBytes(t *testing.T) {
	for _, pieces := range [][]string{{}, {"one"}, {"one", "two", "three"}} {
		var data mem.BufferSlice
		want := ""
		for _, piece := range pieces {
			bytes := bytes.Repeat([]byte(piece), 2000)
			data = append(data, mem.NewBuffer(&bytes, mem.NopBufferPool{}))
			want += string(bytes)
		}
		var frame wire.Frame
		if err := (wire.Codec{}).Unmarshal(data, &frame); err != nil {
			t.Fatal(err)
		}
		data.Free() // as gRPC does
		for range 2 {
			if string(frame.Bytes()) != want {
				t.Errorf("message of %d pieces is wrong", len(pieces))
			}
		}
		frame.Free()
		frame.Free()
	}
}

func TestOtherMessagesAreEncodedAsProtobuf(t *testing.T) {
	want := &umadbv1.HeadResponse{Position: proto.Uint64(7)}
	data, err := wire.Codec{}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(umadbv1.HeadResponse)
	if err := (wire.Codec{}).Unmarshal(data, got); err != nil || !proto.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if (wire.Codec{}).Name() != "proto" {
		t.Error("existing clients use another codec name")
	}
}

func TestSlabPoolReturnsRequestedLength(t *testing.T) {
	for _, length := range []int{0, 1, 4096, 4097, wire.LargeSlab, wire.LargeSlab + 1, 5 << 20} {
		slab := wire.Slabs.Get(length)
		if len(*slab) != length {
			t.Errorf("requested %d bytes, got %d", length, len(*slab))
		}
		grown := append(*slab, make([]byte, 100)...)
		*slab = grown
		wire.Slabs.Put(slab)
		if again := wire.Slabs.Get(length); len(*again) != length {
			t.Errorf("second request for %d bytes, got %d", length, len(*again))
		}
	}
}

func TestSmallMessageIsMovedToSmallerSlab(t *testing.T) {
	slab := wire.Slabs.Get(wire.LargeSlab)
	copy(*slab, "small")
	*slab = (*slab)[:5]
	if kept := *wire.Trim(slab); string(kept) != "small" || cap(kept) >= wire.LargeSlab {
		t.Errorf("%q uses %d bytes", kept, cap(kept))
	}
}
