package grpcclient_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

// recordFrames returns what a frameServer sends after its settings, and these.
func recordFrames(send func(*frameServer)) []byte {
	return encodeFrames(func(s *frameServer) {
		s.WriteSettings()
		send(s)
	})
}

// encodeFrames returns what a frameServer sends.
func encodeFrames(send func(*frameServer)) []byte {
	var sent bytes.Buffer
	send(newFrameServer(recording{Writer: &sent}))
	return sent.Bytes()
}

// recording is a connection that is only written to.
type recording struct {
	net.Conn
	io.Writer
}

func (r recording) Write(p []byte) (int, error) { return r.Writer.Write(p) }

// FuzzFrames sends bytes to a client that makes a unary call and reads a stream. Both must
// end with the connection, at the latest.
func FuzzFrames(f *testing.F) {
	f.Add(recordFrames(func(s *frameServer) {
		s.answer(1, "answer")
		s.start(3)
		s.WriteData(3, false, append(message("one"), message("two")...))
		s.WriteWindowUpdate(0, 10)
		s.WriteWindowUpdate(3, 10)
		s.finish(3)
	}))
	f.Add(recordFrames(func(s *frameServer) {
		s.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
		s.WritePing(false, [8]byte{})
		s.headers(1, true, ":status", "200", "grpc-status", "5", "grpc-message", "%41", "grpc-status-details-bin", "AAE")
		s.WriteRSTStream(3, http2.ErrCodeCancel)
		s.WriteGoAway(1, http2.ErrCodeEnhanceYourCalm, []byte("too_many_pings"))
	}))
	f.Add(recordFrames(func(s *frameServer) {
		s.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: s.encode(":status", "404")[:2]})
		s.WriteContinuation(1, true, nil)
		s.WriteDataPadded(1, true, []byte("a"), make([]byte, 5))
	}))
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) {
			change := func(o *grpcclient.Options) { o.MaxMessage = 1 << 20 }
			c := scripts(t, change, func(s *frameServer) {
				go io.Copy(io.Discard, s.conn)
				s.conn.Write(data)
				time.Sleep(time.Second)
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				stream, err := c.Open(within(t, time.Minute), echo, make([]byte, 100))
				for err == nil {
					_, err = stream.Next()
				}
				if stream != nil {
					stream.Close()
				}
			}()
			response, err := c.Invoke(within(t, time.Minute), echo, make([]byte, 100), nil)
			if err != nil && (failureOf(t, err).Message == "" && !failureOf(t, err).Answered || response != nil) {
				t.Errorf("%q, %+v", response, err)
			}
			<-done
		})
	})
}
