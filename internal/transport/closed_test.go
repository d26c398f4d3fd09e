package transport_test

import (
	"testing"

	"github.com/umadb-go/umadb/internal/transport"
)

// A call whose headers were read before the connection was closed, and handled afterwards,
// is not served: nothing would end it.
func TestCallOfClosedConnection(t *testing.T) {
	for _, method := range []string{unaryEcho, inlineEcho} {
		t.Run(method, func(t *testing.T) {
			var resume chan struct{}
			pause := func(o *transport.Options) {
				resume = make(chan struct{})
				o.Inline = func(name string) bool {
					<-resume
					return isInline(name)
				}
			}
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				c.received()
				c.open(false, callFields(method)...)
				stopped := make(chan struct{})
				go func() {
					defer close(stopped)
					r.server.Stop()
				}()
				if isDone(stopped) {
					t.Error("Stop does not wait for the connection")
				}
				close(resume)
				if !isDone(stopped) {
					t.Error("Stop waits for a call of a closed connection")
				}
				r.settled()
			}, pause)
		})
	}
}
