package transport_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/transport"
)

// without returns fields without those of a name.
func without(fields []string, name string) (rest []string) {
	for i := 0; i < len(fields); i += 2 {
		if fields[i] != name {
			rest = append(rest, fields[i], fields[i+1])
		}
	}
	return rest
}

// with returns fields with another value of a name.
func with(fields []string, name, value string) []string {
	changed := slices.Clone(fields)
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == name {
			changed[i+1] = value
		}
	}
	return changed
}

func TestMalformedHeaders(t *testing.T) {
	fields := callFields(inlineEcho)
	for name, malformed := range map[string][]string{
		"empty":                      {},
		"no method":                  without(fields, ":method"),
		"no scheme":                  without(fields, ":scheme"),
		"no path":                    without(fields, ":path"),
		"empty path":                 with(fields, ":path", ""),
		"method twice":               append([]string{":method", "POST"}, fields...),
		"path twice":                 append([]string{":path", "/other"}, fields...),
		"unknown pseudo field":       append([]string{":unknown", "value"}, fields...),
		"pseudo field of an answer":  append([]string{":status", "200"}, fields...),
		"pseudo field after another": append(without(fields, ":path"), ":path", inlineEcho),
		"upper case":                 append(fields, "Name", "value"),
		"empty name":                 append(fields, "", "value"),
		"space in a name":            append(fields, "a name", "value"),
		"colon in a name":            append(fields, "na:me", "value"),
		"line break in a value":      append(fields, "name", "a\nb"),
		"zero in a value":            append(fields, "name", "a\x00b"),
		"connection":                 append(fields, "connection", "close"),
		"proxy-connection":           append(fields, "proxy-connection", "close"),
		"keep-alive":                 append(fields, "keep-alive", "1"),
		"transfer-encoding":          append(fields, "transfer-encoding", "chunked"),
		"upgrade":                    append(fields, "upgrade", "h2c"),
		"te":                         with(fields, "te", "gzip"),
		"CONNECT":                    {":method", "CONNECT", ":authority", "test"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				id := c.open(false, malformed...)
				c.wantStatus(id, "PROTOCOL_ERROR")
				c.wantEcho(c.call(inlineEcho, nil), nil)
				if got := r.handler.now(); got.admitted != 1 {
					t.Errorf("calls: %+v", got)
				}
			})
		})
	}
}

func TestHeadersThatAreNotOfGRPC(t *testing.T) {
	fields := callFields(inlineEcho)
	for _, row := range []struct {
		name             string
		fields           []string
		http, grpc, text string
	}{
		{"GET", with(fields, ":method", "GET"), "405", "13", "the HTTP method"},
		{"no content type", without(fields, "content-type"), "415", "3", "content-type"},
		{"JSON", with(fields, "content-type", "application/json"), "415", "3", "application/json"},
		{"gRPC-Web", with(fields, "content-type", "application/grpc-web"), "415", "3", "application/grpc-web"},
		{"compression", append(fields, "grpc-encoding", "gzip"), "200", "12", "gzip"},
		{"timeout without a unit", append(fields, "grpc-timeout", "12"), "400", "13", "grpc-timeout"},
		{"timeout of another unit", append(fields, "grpc-timeout", "12s"), "400", "13", "grpc-timeout"},
		{"timeout of 9 digits", append(fields, "grpc-timeout", "123456789S"), "400", "13", "grpc-timeout"},
		{"negative timeout", append(fields, "grpc-timeout", "-1S"), "400", "13", "grpc-timeout"},
		{"signed timeout", append(fields, "grpc-timeout", "+1S"), "400", "13", "grpc-timeout"},
		{"empty timeout", append(fields, "grpc-timeout", ""), "400", "13", "grpc-timeout"},
		{"unit only", append(fields, "grpc-timeout", "S"), "400", "13", "grpc-timeout"},
	} {
		for _, end := range []bool{true, false} {
			t.Run(row.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect()
					a := c.answer(c.open(end, row.fields...))
					if !a.ended || a.field(":status") != row.http || a.field("grpc-status") != row.grpc || !strings.Contains(a.field("grpc-message"), row.text) {
						t.Errorf("answer %s", a)
					}
					if want := map[bool]string{true: "", false: "NO_ERROR"}[end]; a.reset != want {
						t.Errorf("reset %q, want %q", a.reset, want)
					}
					if got := r.handler.now(); got != (counts{}) {
						t.Errorf("calls: %+v", got)
					}
					c.wantEcho(c.call(inlineEcho, nil), nil)
				})
			})
		}
	}
}

func TestHeadersThatAreAccepted(t *testing.T) {
	fields := callFields(inlineEcho)
	for name, accepted := range map[string][]string{
		"content type with a codec":     with(fields, "content-type", "application/grpc+proto"),
		"content type with a parameter": with(fields, "content-type", "application/grpc; charset=utf-8"),
		"no authority":                  without(fields, ":authority"),
		"no te":                         without(fields, "te"),
		"identity":                      append(fields, "grpc-encoding", "identity"),
		"accepted encodings":            append(fields, "grpc-accept-encoding", "gzip"),
		"longest timeout":               append(fields, "grpc-timeout", "99999999H"),
		"padded binary metadata":        append(fields, "some-bin", "AA=="),
		"empty value":                   append(fields, "some", ""),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				id := c.open(false, accepted...)
				c.data(id, true, message([]byte("request")))
				c.wantEcho(id, []byte("request"))
			})
		})
	}
}

func TestHeaderOfStream(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		seen := make(chan transport.Header, 1)
		r.handler.admit = func(s *transport.Stream) error {
			seen <- *s.Header()
			return nil
		}
		c := r.connect()
		c.call(inlineEcho, nil, "name", "one", "name", "two", "raw-bin", "AP8", "grpc-timeout", "15m")
		c.received()
		h := <-seen
		fields := map[string][]string{}
		h.Fields(func(name, value string) { fields[name] = append(fields[name], value) })
		if h.Method != inlineEcho || h.Timeout != 15*time.Millisecond || h.Get("name") != "one" || h.Get("none") != "" || h.Get("raw-bin") != "AP8" {
			t.Errorf("header %+v", h)
		}
		if !slices.Equal(fields["name"], []string{"one", "two"}) || fields["raw-bin"][0] != "AP8" || fields[":authority"][0] != "test" {
			t.Errorf("fields %v", fields)
		}
	})
}

func TestLargeHeaders(t *testing.T) {
	sized := func(bytes int) []string { // with the overhead of a field
		return []string{"a", strings.Repeat("~", bytes-33)}
	}
	base := 0
	for _, text := range callFields(inlineEcho) {
		base += len(text)
	}
	base += len(callFields(inlineEcho)) / 2 * 32
	t.Run("limit", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			c.wantEcho(c.call(inlineEcho, nil, sized(8<<10-base)...), nil)
			for range 2 {
				id := c.call(inlineEcho, nil, sized(8<<10-base+1)...)
				a := c.answer(id)
				if a.field(":status") != "431" || a.field("grpc-status") != "8" {
					t.Errorf("answer %s", a)
				}
			}
			c.wantEcho(c.call(inlineEcho, nil), nil)
		})
	})
	t.Run("fields that refer to the table", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			var many []string
			for range 1000 {
				many = append(many, "some-name", strings.Repeat("x", 1000))
			}
			if a := c.answer(c.call(inlineEcho, nil, many...)); a.field(":status") != "431" {
				t.Errorf("answer %s", a)
			}
			c.wantEcho(c.call(inlineEcho, nil), nil)
		})
	})
	t.Run("trailers", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			id := c.open(false, callFields(inlineEcho)...)
			c.data(id, false, message(nil))
			block := c.encode(append(sized(7000), sized(7001)...)...)
			c.frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
			})
			c.wantEcho(id, nil)
			c.wantEcho(c.call(inlineEcho, nil), nil)
		})
	})
	t.Run("trailers after the answer", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			id := c.open(false, callFields(failing)...)
			c.wantStatus(id, "9")
			block := c.encode(append(sized(7000), sized(7001)...)...)
			c.frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
			})
			c.wantEcho(c.call(inlineEcho, nil), nil)
		})
	})
}

func TestContinuationFloods(t *testing.T) {
	for name, fragment := range map[string][]byte{
		"empty": nil,
		"small": {0x82},
		"large": make([]byte, 4<<10),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				c.frames(func(f *http2.Framer) {
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fragment})
					for range 10000 {
						_ = f.WriteContinuation(1, false, fragment)
					}
				})
				c.wantClosed("ENHANCE_YOUR_CALM")
				if got := c.received().goAways[0]; strings.Contains(got, "pings") {
					t.Errorf("GOAWAY %q", got)
				}
			})
		})
	}
}
