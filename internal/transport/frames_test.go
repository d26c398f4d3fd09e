package transport_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/transport"
)

// echoes are the methods that echo a message.
var echoes = []string{inlineEcho, laterEcho, declined, unaryEcho, bidiEcho, unaryEcho, protoEcho}

func TestEchoes(t *testing.T) {
	for _, chunk := range []int{0, 1, 1000} {
		t.Run(fmt.Sprintf("writes of %d bytes", chunk), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				c.chunk = chunk
				for _, method := range echoes {
					for _, size := range []int{0, 1, 100, 4<<10 - 5, 4 << 10, 4<<10 + 1, 16 << 10, 60 << 10} {
						request := content(size)
						if method == protoEcho {
							request = field(request)
						}
						c.wantEcho(c.call(method, request), request)
						c.window(0, uint32(len(request)+5))
					}
				}
				r.settled()
			})
		})
	}
}

// field returns a message in protobuf with content in field 1, or without if it is empty.
func field(content []byte) []byte {
	if len(content) == 0 {
		return nil
	}
	return append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(content))), content...)
}

// Small requests are offered to Begin only if they are whole and of the right method.
func TestWhatIsInline(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		for _, call := range []struct {
			method  string
			size    int
			started int
		}{
			{inlineEcho, 0, 1}, {inlineEcho, 4 << 10, 1}, {laterEcho, 100, 1},
			{inlineEcho, 4<<10 + 1, 0}, {declined, 100, 0}, {unaryEcho, 100, 0},
		} {
			before := r.handler.now()
			c.wantEcho(c.call(call.method, content(call.size)), content(call.size))
			now := r.handler.now()
			if started, served := now.started-before.started, now.served-before.served; started != call.started || served != 1-call.started {
				t.Errorf("%s with %d bytes: started %d, served %d", call.method, call.size, started, served)
			}
		}
	})
}

func TestRequestsInManyFrames(t *testing.T) {
	request := content(300)
	body := message(request)
	trailers := func(c *frameClient, id uint32) {
		block := c.encode("some-trailer", "value")
		c.frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
		})
	}
	for name, send := range map[string]func(c *frameClient, id uint32){
		"one byte each": func(c *frameClient, id uint32) {
			for i := range body {
				c.data(id, i == len(body)-1, body[i:i+1])
			}
		},
		"padding": func(c *frameClient, id uint32) {
			c.padded(id, false, body[:3], 200)
			c.padded(id, false, nil, 255)
			c.padded(id, false, body[3:7], 0)
			c.padded(id, true, body[7:], 1)
		},
		"empty last frame": func(c *frameClient, id uint32) {
			c.data(id, false, body)
			c.data(id, true, nil)
		},
		"empty frames": func(c *frameClient, id uint32) {
			c.data(id, false, nil)
			c.data(id, false, body[:100])
			c.data(id, false, nil)
			c.data(id, true, body[100:])
		},
		"trailers": func(c *frameClient, id uint32) {
			c.data(id, false, body)
			trailers(c, id)
		},
		"other frames between": func(c *frameClient, id uint32) {
			c.data(id, false, body[:20])
			c.ping(1)
			c.window(id, 1)
			c.window(0, 1)
			c.frames(func(f *http2.Framer) {
				_ = f.WritePriority(id, http2.PriorityParam{StreamDep: 0, Weight: 3})
				_ = f.WriteRawFrame(0xbe, 0xff, id, []byte("unknown"))
				_ = f.WriteRawFrame(0xbe, 0, 0, nil)
			})
			c.settings(http2.Setting{ID: 0xbeef, Val: 1 << 31})
			c.data(id, true, body[20:])
		},
		"another call between": func(c *frameClient, id uint32) {
			c.data(id, false, body[:20])
			c.wantEcho(c.call(inlineEcho, []byte("another")), []byte("another"))
			c.data(id, true, body[20:])
		},
	} {
		for _, method := range []string{inlineEcho, laterEcho, declined, unaryEcho, bidiEcho} {
			t.Run(name+method, func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect()
					for range 2 {
						id := c.open(false, callFields(method)...)
						send(c, id)
						c.wantEcho(id, request)
					}
					r.settled()
				})
			})
		}
	}
}

// openInFrames sends headers on a new stream, in fragments of the given lengths.
func (c *frameClient) openInFrames(lengths []int, fields ...string) uint32 {
	id := c.next
	c.next += 2
	block := c.encode(fields...)
	c.frames(func(f *http2.Framer) {
		for i, n := range lengths {
			n = min(n, len(block))
			if len(block) == 0 {
				break
			}
			if i == 0 {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:n], PadLength: 7, Priority: http2.PriorityParam{Weight: 1}})
			} else {
				_ = f.WriteContinuation(id, false, block[:n])
			}
			block = block[n:]
		}
		_ = f.WriteContinuation(id, true, block)
	})
	return id
}

func TestHeadersInManyFrames(t *testing.T) {
	for _, lengths := range [][]int{{0}, {1}, {3, 0, 5}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {1 << 20}} {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			for range 3 { // also with a block that only refers to the table
				id := c.openInFrames(lengths, callFields(inlineEcho)...)
				c.data(id, true, message([]byte("request")))
				c.wantEcho(id, []byte("request"))
			}
		})
	}
}

// A header block is recognised only while the table is the same.
func TestRepeatedHeaders(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		for i := range 300 {
			value := fmt.Sprint(i / 3)
			if i%3 == 0 { // the next fields have the same places in the table
				c.encoder.SetMaxDynamicTableSize(0)
				c.encoder.SetMaxDynamicTableSize(4096)
			}
			id := c.open(false, callFields(unaryEcho, "send", value, "send", "second")...)
			c.data(id, true, message(nil))
			if got := c.answer(id).header["got"]; !slices.Equal(got, []string{value, "second"}) {
				t.Fatalf("call %d has sent %q: %q", i, value, got)
			}
		}
	})
}

func TestHeaderTableSize(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		for _, size := range []uint32{0, 100, 1 << 20, 0, 4096} {
			c.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: size})
			c.decoder.SetAllowedMaxDynamicTableSize(size)
			for range 3 {
				c.wantEcho(c.call(unaryEcho, []byte("request"), "send", "value"), []byte("request"))
				c.wantEcho(c.call(inlineEcho, []byte("request")), []byte("request"))
			}
		}
	})
}

func TestRequestsThatAreNotOneMessage(t *testing.T) {
	for _, row := range []struct {
		name, method string
		body         []byte
		want         string
	}{
		{"no message", protoEcho, nil, "2"},
		{"part of a prefix", protoEcho, []byte{0, 0}, "13"},
		{"shorter than its prefix", protoEcho, message([]byte("request"))[:8], "13"},
		{"compressed", protoEcho, append([]byte{1}, message(nil)[1:]...), "12"},
		{"not protobuf", protoEcho, message([]byte("\xff\xff")), "13"},
		{"too large", protoEcho, binary.BigEndian.AppendUint32([]byte{0}, 64<<10+1), "8"},
		{"much too large", protoEcho, []byte{0, 0xff, 0xff, 0xff, 0xff}, "8"},
		{"inline, no message", inlineEcho, nil, "served"},
		{"inline, part of a prefix", inlineEcho, []byte{0, 0}, "served"},
		{"inline, shorter", inlineEcho, message([]byte("request"))[:8], "served"},
		{"inline, longer", inlineEcho, append(message([]byte("request")), 0), "served"},
		{"inline, compressed", inlineEcho, append([]byte{1}, message(nil)[1:]...), "served"},
	} {
		for _, end := range []string{"data", "empty data", "headers"} {
			if end == "headers" && len(row.body) > 0 {
				continue
			}
			t.Run(row.name+", "+end, func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect()
					id := c.open(end == "headers", callFields(row.method)...)
					switch end {
					case "data":
						c.data(id, true, row.body)
					case "empty data":
						c.data(id, false, row.body)
						c.data(id, true, nil)
					}
					if row.want != "served" {
						c.wantStatus(id, row.want)
					}
					if a := c.answer(id); !a.ended {
						t.Errorf("the call has not ended: %s", a)
					}
					if got := r.handler.now(); got.started != 0 || got.served != 1 {
						t.Errorf("calls: %+v", got)
					}
					r.settled()
				})
			})
		}
	}
}

// A call may end before its request is whole. The client must then not send the rest.
func TestCallThatEndsEarly(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		id := c.open(false, callFields(failing)...)
		a := c.answer(id)
		if a.field("grpc-status") != "9" || a.field("grpc-message") != "100 %25 n%C3%A3o, %E6%97%A5%E6%9C%AC%0A" || a.reset != "NO_ERROR" {
			t.Errorf("answer %s", a)
		}
		if got := a.header["text"]; !slices.Equal(got, []string{"one", "two"}) || a.field("raw-bin") != "AP8" {
			t.Errorf("trailers %s", a)
		}
		c.data(id, false, content(100))
		block := c.encode("some-trailer", "value")
		c.frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
		})
		c.wantEcho(c.call(inlineEcho, []byte("still works")), []byte("still works"))
	})
}

// A field must not start or end with a space (RFC 9113, section 8.2.1).
func TestMessageWithSpacesAtItsEnds(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		text := ""
		r.handler.admit = func(*transport.Stream) error { return status.Error(codes.PermissionDenied, text) }
		c := r.connect()
		for message, want := range map[string]string{" a b ": "%20a b%20", " ": "%20", "  ": "%20%20", "a": "a"} {
			text = message
			if a := c.answer(c.call(inlineEcho, nil)); a.field("grpc-message") != want {
				t.Errorf("message %q: want %q: %s", message, want, a)
			}
		}
	})
}

func TestResetInEachPhase(t *testing.T) {
	for name, open := range map[string]func(c *frameClient) uint32{
		"headers": func(c *frameClient) uint32 { return c.open(false, callFields(inlineEcho)...) },
		"request": func(c *frameClient) uint32 {
			id := c.open(false, callFields(inlineEcho)...)
			c.data(id, false, []byte{0})
			return id
		},
		"inline":   func(c *frameClient) uint32 { return c.call(inlineNever, nil) },
		"blocked":  func(c *frameClient) uint32 { c.settings(initialWindow(3)); return c.call(inlineEcho, nil) },
		"answered": func(c *frameClient) uint32 { return c.call(inlineEcho, nil) },
		"receives": func(c *frameClient) uint32 { return c.open(false, callFields(bidiEcho)...) },
		"sends":    func(c *frameClient) uint32 { return c.call(countDown, []byte("10 100000")) },
		"served":   func(c *frameClient) uint32 { return c.call(never, nil) },
		"failed":   func(c *frameClient) uint32 { return c.call(failing, nil) },
		"refused":  func(c *frameClient) uint32 { return c.open(true, ":method", "GET", ":scheme", "http", ":path", "/") },
	} {
		for _, waits := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, waits %v", name, waits), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect()
					id := open(c)
					if waits {
						c.received()
					}
					c.reset(id)
					r.settled()
					c.data(id, true, nil)
					c.window(id, 1000)
					c.window(0, 1<<20)
					c.reset(id)
					c.settings(initialWindow(1 << 16))
					c.wantEcho(c.call(inlineEcho, []byte("still works")), []byte("still works"))
				})
			})
		}
	}
}

func TestErrorsOfConnection(t *testing.T) {
	for _, row := range []struct {
		name, want string
		send       func(c *frameClient)
	}{
		{"data on stream 0", "PROTOCOL_ERROR", func(c *frameClient) { c.data(0, true, nil) }},
		{"data on an idle stream", "PROTOCOL_ERROR", func(c *frameClient) { c.data(5, true, nil) }},
		{"data on a stream of the server", "PROTOCOL_ERROR", func(c *frameClient) { c.call(inlineEcho, nil); c.call(inlineEcho, nil); c.data(2, true, nil) }},
		{"headers on an even stream", "PROTOCOL_ERROR", func(c *frameClient) { c.next = 2; c.call(inlineEcho, nil) }},
		{"headers on an earlier stream", "STREAM_CLOSED", func(c *frameClient) { c.next = 5; c.call(inlineEcho, nil); c.next = 3; c.call(inlineEcho, nil) }},
		{"reset of an idle stream", "PROTOCOL_ERROR", func(c *frameClient) { c.reset(5) }},
		{"window of an idle stream", "PROTOCOL_ERROR", func(c *frameClient) { c.window(5, 1) }},
		{"window update of zero", "PROTOCOL_ERROR", func(c *frameClient) { c.window(0, 0) }},
		{"frame too large", "FRAME_SIZE_ERROR", func(c *frameClient) {
			c.frames(func(f *http2.Framer) { _ = f.WriteRawFrame(0xbe, 0, 0, make([]byte, 16<<10+1)) })
		}},
		{"ping of 7 bytes", "FRAME_SIZE_ERROR", func(c *frameClient) {
			c.frames(func(f *http2.Framer) { _ = f.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7)) })
		}},
		{"push promise", "PROTOCOL_ERROR", func(c *frameClient) {
			c.frames(func(f *http2.Framer) {
				_ = f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
			})
		}},
		{"compression", "COMPRESSION_ERROR", func(c *frameClient) {
			c.frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff}, EndHeaders: true})
			})
		}},
		{"incomplete header block", "COMPRESSION_ERROR", func(c *frameClient) {
			c.frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x40}, EndHeaders: true})
			})
		}},
		{"continuation without headers", "PROTOCOL_ERROR", func(c *frameClient) {
			c.frames(func(f *http2.Framer) { _ = f.WriteContinuation(1, true, nil) })
		}},
		{"data in a header block", "PROTOCOL_ERROR", func(c *frameClient) {
			c.frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
				_ = f.WriteData(1, true, nil)
			})
		}},
		{"depends on itself", "PROTOCOL_ERROR", func(c *frameClient) {
			block := c.encode(callFields(inlineEcho)...)
			c.frames(func(f *http2.Framer) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, Priority: http2.PriorityParam{StreamDep: 1}})
			})
		}},
		{"enable push of 2", "PROTOCOL_ERROR", func(c *frameClient) { c.settings(http2.Setting{ID: http2.SettingEnablePush, Val: 2}) }},
		{"window too large", "FLOW_CONTROL_ERROR", func(c *frameClient) { c.settings(initialWindow(1 << 31)) }},
		{"frame size too small", "PROTOCOL_ERROR", func(c *frameClient) { c.settings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 100}) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				row.send(c)
				c.wantClosed(row.want)
				r.settled()
			})
		})
	}
}

func TestErrorsOfStream(t *testing.T) {
	headers := func(c *frameClient, id uint32, end bool) {
		block := c.encode("some-trailer", "value")
		c.frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: end})
		})
	}
	for _, row := range []struct {
		name, want string
		send       func(c *frameClient, id uint32)
	}{
		{"data after the end", "STREAM_CLOSED", func(c *frameClient, id uint32) { c.data(id, true, nil); c.data(id, true, nil) }},
		{"headers after the end", "STREAM_CLOSED", func(c *frameClient, id uint32) { c.data(id, true, nil); headers(c, id, true) }},
		{"trailers without an end", "PROTOCOL_ERROR", func(c *frameClient, id uint32) { headers(c, id, false) }},
		{"window update of zero", "PROTOCOL_ERROR", func(c *frameClient, id uint32) { c.window(id, 0) }},
		{"depends on itself", "PROTOCOL_ERROR", func(c *frameClient, id uint32) {
			c.frames(func(f *http2.Framer) { _ = f.WritePriority(id, http2.PriorityParam{StreamDep: id}) })
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				id := c.open(false, callFields(never)...)
				row.send(c, id)
				c.wantStatus(id, row.want)
				c.wantEcho(c.call(inlineEcho, []byte("still works")), []byte("still works"))
				r.settled()
			})
		})
	}
}

func TestGoAwayOfClient(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		id := c.open(false, callFields(bidiEcho)...)
		c.frames(func(f *http2.Framer) { _ = f.WriteGoAway(0, http2.ErrCodeNo, nil) })
		c.data(id, true, message([]byte("request")))
		c.wantEcho(id, []byte("request"))
	})
}

// A header block of an answer may need several frames.
func TestLargeHeadersOfAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		large := strings.Repeat("~", 20<<10) // not shortened by the Huffman code
		r.handler.serve = func(s *transport.Stream) error {
			s.SetTrailer(metadata.Pairs("done", large, "done", "small"))
			return s.SendHeader(metadata.Pairs("got", large, "got", large))
		}
		c := r.connect()
		for range 2 {
			id := c.open(true, callFields(unaryEcho)...)
			a := c.answer(id)
			if got := a.header["got"]; !slices.Equal(got, []string{large, large}) {
				t.Errorf("%d headers", len(got))
			}
			if got := a.trailer["done"]; !slices.Equal(got, []string{large, "small"}) {
				t.Errorf("%d trailers", len(got))
			}
			c.wantStatus(id, "0")
		}
	})
}
