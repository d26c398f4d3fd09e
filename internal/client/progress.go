package client

import (
	"golang.org/x/net/http2/hpack"

	"github.com/umadb-go/umadb/internal/wire"
)

// withProgress asks a server for the progress of a subscription. Another server ignores it.
var withProgress = []hpack.HeaderField{{Name: wire.With, Value: wire.WithProgress}}

// AskForProgress makes the server add the progress to the messages of a subscription, if it can.
// Then there are also messages without events, and the subscription resumes after the events that
// were checked. It must be called before Next.
func (m *Messages) AskForProgress() { m.progress = true }
