package transport_test

import (
	"testing"

	"golang.org/x/net/http2"
)

// methods are those that echo a message.
var echoes = []string{inlineEcho, laterEcho, declined, unaryEcho, bidiEcho}

func TestEchoes(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		for _, method := range echoes {
			for _, size := range []int{0, 1, 100, 4 << 10, 4<<10 + 1, 16 << 10, 60 << 10} {
				c.wantEcho(c.call(method, content(size)), content(size))
				c.window(0, uint32(size+5))
			}
		}
		r.settled()
	})
}

var _ = http2.ErrCodeNo
