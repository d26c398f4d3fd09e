package grpcclient

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func TestTimeoutIsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                        "1n",
		0:                                   "1n",
		99:                                  "99n",
		101:                                 "110n",
		999:                                 "1u",
		time.Millisecond:                    "1m",
		10*time.Second - 1:                  "10S",
		5*time.Second - time.Millisecond:    "5S",
		1234567 * time.Microsecond:          "1300m",
		time.Minute - time.Microsecond:      "60S",
		time.Hour:                           "3600S",
		100*24*time.Hour - time.Millisecond: "8700000S",
		math.MaxInt64:                       "90000000S",
	} {
		rounded := roundTimeout(d)
		if got := encodeTimeout(rounded); got != want {
			t.Errorf("%v is sent as %s, want %s", d, got, want)
		}
		if d > 0 && d < maxTimeout && (rounded < d || rounded-d > d/10) {
			t.Errorf("%v is rounded to %v", d, rounded)
		}
	}
}

// newOutput returns an output with fields of a real client.
func newOutput() *output {
	o := new(output)
	o.init(&Options{Fields: []hpack.HeaderField{{Name: "user-agent", Value: "test"}, {Name: "authorization", Value: "Bearer key"}}}, "host:1")
	return o
}

// TestRepeatedHeadersAreAFewBytes also decodes all header blocks in order, as a server does.
func TestRepeatedHeadersAreAFewBytes(t *testing.T) {
	o := newOutput()
	var got []string
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got = append(got, f.Name+"="+f.Value) })
	request := func(method string, timeout time.Duration) int {
		t.Helper()
		got = nil
		block := o.requestBlock(method, timeout)
		if _, err := decoder.Write(block); err != nil {
			t.Fatal(err)
		}
		if err := decoder.Close(); err != nil {
			t.Fatal(err)
		}
		want := []string{":method=POST", ":scheme=http", ":path=" + method, ":authority=host:1",
			"content-type=application/grpc", "te=trailers", "user-agent=test", "authorization=Bearer key"}
		if timeout > 0 {
			want = append(want, "grpc-timeout="+encodeTimeout(timeout))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("the headers are %q", got)
		}
		return len(block)
	}
	for _, method := range []string{"/a", "/b", "/a", "/c", "/b"} {
		for _, timeout := range []time.Duration{0, time.Second, 5 * time.Second} {
			request(method, timeout)
		}
	}
	for range 3 {
		if n := request("/a", time.Second); n != 9 {
			t.Errorf("a repeated block has %d bytes", n)
		}
	}
	// The server may make the table smaller at any time.
	o.encoder.SetMaxDynamicTableSizeLimit(100)
	o.fields.blocks = nil
	for range 3 {
		request("/a", time.Second)
		request("/b", 0)
	}
	// Many different timeouts replace other fields.
	for n := range 500 {
		request("/a", time.Duration(n+1)*time.Millisecond)
		request("/b", 0)
	}
}

// The fields of one call are not added to the table, so that the blocks of other calls that refer to
// it are still valid, and are those of this call only.
func TestFieldsOfOneCall(t *testing.T) {
	o := newOutput()
	var got []hpack.HeaderField
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got = append(got, f) })
	for _, length := range []int{0, 1, 126, 127, 128, 254, 255, 256, 5000, 0} {
		var fields []hpack.HeaderField
		if length > 0 {
			fields = []hpack.HeaderField{{Name: "umadb-forwarded", Value: strings.Repeat("x", length)}, {Name: strings.Repeat("n", length), Value: ""}}
		}
		before := len(o.bytes)
		o.request(&call{id: 1, fields: fields}, "/a", time.Time{})
		got = nil
		if _, err := decoder.Write(o.bytes[before+frameHeader:]); err != nil {
			t.Fatal(err)
		}
		if err := decoder.Close(); err != nil {
			t.Fatal(err)
		}
		own := got[8:]
		if len(got) != 8+len(fields) {
			t.Fatalf("%d bytes: %d fields", length, len(got))
		}
		for i, f := range fields {
			if f.Sensitive = true; own[i] != f {
				t.Errorf("%d bytes: field %d is %.40v", length, i, own[i])
			}
		}
	}
}

// A method's own fields are in the table too, so that the headers of its calls are a few bytes.
func TestFieldsOfOneMethod(t *testing.T) {
	o := new(output)
	o.init(&Options{MethodFields: map[string][]hpack.HeaderField{"/b": {{Name: "umadb-with", Value: "x"}}}}, "host:1")
	var got []string
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got = append(got, f.Name+"="+f.Value) })
	for _, method := range []string{"/a", "/b", "/a", "/b", "/b"} {
		got = nil
		block := o.requestBlock(method, 0)
		if _, err := decoder.Write(block); err != nil {
			t.Fatal(err)
		}
		if err := decoder.Close(); err != nil {
			t.Fatal(err)
		}
		if sent := slices.Contains(got, "umadb-with=x"); sent != (method == "/b") {
			t.Errorf("the headers of %s are %q", method, got)
		}
	}
	if len(o.fields.blocks) != 2 {
		t.Errorf("%d blocks are kept", len(o.fields.blocks))
	}
	if n := len(o.requestBlock("/b", 0)); n != 7 {
		t.Errorf("a repeated block has %d bytes", n)
	}
}

func TestLargeFieldsAreSentInSeveralFrames(t *testing.T) {
	o := newOutput()
	for n := range 10 {
		o.fields.after = append(o.fields.after, hpack.HeaderField{Name: "large", Value: strings.Repeat(string(rune('0'+n)), 10_000)})
	}
	o.request(&call{id: 1}, "/a", time.Time{})
	framer := http2.NewFramer(nil, strings.NewReader(string(o.bytes)))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.MaxHeaderListSize = 1 << 20
	frame, err := framer.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	if headers := frame.(*http2.MetaHeadersFrame); len(headers.Fields) != 18 || headers.StreamEnded() {
		t.Errorf("%d fields", len(headers.Fields))
	}
}
