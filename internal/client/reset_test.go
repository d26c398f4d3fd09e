package client_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// Frames and an error code of HTTP/2.
const (
	frameHeaderBytes = 9
	typeData         = 0
	typeReset        = 3
	typeSettings     = 4
	flagEndStream    = 1
	enhanceYourCalm  = 11
)

// frame encodes a frame of HTTP/2.
func frame(kind byte, stream uint32, payload []byte) []byte {
	header := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	header = append(header, 0)
	return append(binary.BigEndian.AppendUint32(header, stream), payload...)
}

// startResettingServer starts a server that resets the stream of each call after it has
// received the whole request, as an overloaded proxy does. It returns the URL.
func startResettingServer(t *testing.T, calls *atomic.Int64) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go reset(conn, calls)
		}
	}()
	return "http://" + listener.Addr().String()
}

func reset(conn net.Conn, calls *atomic.Int64) {
	defer conn.Close()
	if _, err := io.CopyN(io.Discard, conn, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	conn.Write(frame(typeSettings, 0, nil))
	header := make([]byte, frameHeaderBytes)
	for {
		if _, err := io.ReadFull(conn, header); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(header)>>8)); err != nil {
			return
		}
		if header[3] == typeData && header[4]&flagEndStream != 0 {
			calls.Add(1)
			stream := binary.BigEndian.Uint32(header[5:])
			conn.Write(frame(typeReset, stream, binary.BigEndian.AppendUint32(nil, enhanceYourCalm)))
		}
	}
}

// The status is the same as that of a refused append, but the outcome is unknown.
func TestOutcomeOfAppendResetByProxyIsUnknown(t *testing.T) {
	var calls atomic.Int64
	c := dial(t, startResettingServer(t, &calls), nil)
	_, err := c.Append(within(t, patience), []dcb.Event{{Type: "a"}}, nil, nil)
	if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "ResourceExhausted") || !strings.Contains(err.Error(), "is unknown") || calls.Load() != 1 {
		t.Errorf("after %d calls: %v", calls.Load(), err)
	}
}
