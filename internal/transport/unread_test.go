package transport_test

import (
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/transport"
)

// Calls that are answered while their client does not read stay in use until their answers
// are written, except for those that the buffer of each connection has space for.
func TestUnreadAnswersStayInUse(t *testing.T) {
	const calls, least = 3000, 35 // least bytes of an answer
	manyStreams := func(o *transport.Options) { o.MaxStreams = calls + 1 }
	for name, end := range map[string]func(*frameClient){
		"the client reads":  func(c *frameClient) { go c.read() },
		"the client closes": func(c *frameClient) { c.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.dial()
				go c.begin()
				c.readSettings()
				for range calls {
					c.call(inlineNever, nil)
				}
				synctest.Wait()
				r.server.Cancel() // answers all
				synctest.Wait()
				if now := r.handler.now(); (calls-now.inUse)*least > 2*r.options.WriteBuffer+1000 {
					t.Errorf("the client does not read, and %d answered calls of %d are in use", now.inUse, calls)
				}
				end(c)
				r.settled()
			}, manyStreams)
		})
	}
}

func TestBlockedAnswerIsReported(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 6})
		c.wantEcho(c.call(inlineEcho, []byte("1")), []byte("1"))
		id := c.call(inlineEcho, []byte("22"))
		c.received()
		if n := r.handler.now().blocked; n != 1 {
			t.Errorf("%d calls are blocked, want 1", n)
		}
		c.window(id, 1)
		c.wantEcho(id, []byte("22"))
		r.settled()
	})
}

func TestTooManySettings(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		c.settings(make([]http2.Setting, 101)...)
		c.wantClosed("ENHANCE_YOUR_CALM")
	})
}

// The padding of a header block is longer than the frame. The block cannot be decoded, and
// the next ones may refer to its fields.
func TestHeadersWithTooMuchPadding(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		c.frames(func(f *http2.Framer) {
			_ = f.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, 1, []byte{200, 0x82})
		})
		c.wantClosed("PROTOCOL_ERROR")
	})
}
