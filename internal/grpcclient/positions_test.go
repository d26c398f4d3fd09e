package grpcclient

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestPositionsOnlyRise(t *testing.T) {
	p := new(Positions)
	var raising sync.WaitGroup
	for from := range uint64(8) {
		raising.Go(func() {
			for n := range uint64(1000) {
				p.Raise(from + 8*n)
			}
		})
	}
	raising.Wait()
	p.Raise(5)
	if got := p.Highest(); got != 7999 {
		t.Errorf("it is %d", got)
	}
}

// The position is the last field of every request, and does not change the table of fields.
func TestMinPositionIsSentWithEveryRequest(t *testing.T) {
	p := new(Positions)
	o := new(output)
	o.init(&Options{Fields: []hpack.HeaderField{{Name: "user-agent", Value: "test"}}, Positions: p}, "host:1")
	decoder := hpack.NewDecoder(4096, nil)
	for i, position := range []uint64{0, 7, 7, 12345, math.MaxUint64} {
		p.Raise(position)
		o.bytes = nil
		o.request(&call{id: uint32(2*i + 1)}, "/a", time.Now().Add(10*time.Second))
		framer := http2.NewFramer(nil, strings.NewReader(string(o.bytes)))
		framer.ReadMetaHeaders = decoder
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		fields := frame.(*http2.MetaHeadersFrame).Fields
		if last := fields[len(fields)-1]; last.Name != "umadb-min-position" || last.Value != fmt.Sprint(position) {
			t.Errorf("the last field is %v, want %d", last, position)
		}
		if len(fields) != 9 || fields[7].Name != "grpc-timeout" {
			t.Errorf("the fields are %v", fields)
		}
		if i > 0 && len(o.fields.blocks) != 1 {
			t.Errorf("%d blocks are kept", len(o.fields.blocks))
		}
	}
}

func TestPositionOfAnAnswer(t *testing.T) {
	for value, want := range map[string]uint64{"": 0, "0": 0, "7": 7, "18446744073709551615": math.MaxUint64, "18446744073709551616": 0, "-1": 0, "7 ": 0, "x": 0} {
		a := new(answer)
		a.parse([]hpack.HeaderField{{Name: "grpc-status", Value: "0"}, {Name: "umadb-position", Value: value}})
		if a.position != want || a.malformed {
			t.Errorf("%q is read as %d (malformed: %t)", value, a.position, a.malformed)
		}
	}
}
