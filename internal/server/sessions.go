package server

import (
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Session is an open connection with its calls in progress.
type Session struct {
	ID      uint64    // ascending in the order in which connections are accepted
	Peer    string    // address of the client
	Started time.Time // when it was accepted
	// Authenticated is set while the API key of the last call that had one is valid, or none is
	// required.
	Authenticated bool
	Key           string        // name of the key of the last call that had one, or "" if none is required
	UserAgent     string        // of the first authenticated call
	Calls         []SessionCall // in progress, oldest first
}

// SessionCall is a call in progress.
type SessionCall struct {
	Method  string // the path, for example "/umadb.v1.DCB/Read"
	Key     string // name of its API key, or "" if none is required
	Started time.Time
	Query   string // of a read or subscription, in short
	// Messages and Events are the numbers of messages and events that were sent.
	Messages, Events uint64
	// Unread is for how long the client has not read the message that is being sent, or 0.
	Unread time.Duration

	Subscription bool
	// Position is that of the last event that was sent, or 0.
	Position uint64
	// Lag is the number of positions that a subscription has not checked yet, up to the head.
	Lag uint64
}

// progress is how far a call has come that sends a stream of messages. Its handler writes
// it.
type progress struct {
	reads     bool // events that match the query
	query     dcb.Query
	subscribe bool

	messages, events, position, checked atomic.Uint64

	waiting atomic.Bool  // for events: all of them were checked
	sending atomic.Int64 // when the message that is being sent was ready, in Unix ns, or 0
}

// trackProgress shows the progress of a call in its session.
func (c *call) trackProgress(query dcb.Query, subscribe bool, cursor record.Cursor) *progress {
	p := &progress{reads: true, query: query, subscribe: subscribe}
	p.checked.Store(cursor.Progress().Checked)
	c.progress.Store(p)
	return p
}

// trackMessages is trackProgress for a call that does not send events.
func (c *call) trackMessages() *progress {
	p := new(progress)
	c.progress.Store(p)
	return p
}

// sent records that a message was sent, and how far the cursor had come with it.
func (p *progress) sent(reached record.Progress) {
	p.messages.Add(1)
	p.events.Store(reached.Events)
	p.position.Store(reached.Last)
	p.checked.Store(reached.Checked)
}

// Sessions iterates over the open connections, in no particular order. Each is described when
// it is reached. What subscriptions lag is measured at the last event that the store knows.
func (s *Server) Sessions() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for accepted, streams := range s.transport.Calls() {
			head := s.store.LastPosition()
			session := accepted.(*connection).session()
			for _, stream := range streams {
				session.Calls = append(session.Calls, callOf(stream).session(head))
			}
			slices.SortFunc(session.Calls, func(a, b SessionCall) int { return a.Started.Compare(b.Started) })
			if !yield(session) {
				return
			}
		}
	}
}

// session describes a connection without its calls.
func (c *connection) session() *Session {
	s := &Session{ID: c.id, Peer: c.RemoteAddr().String(), Started: c.started, Key: c.key.Load().name()}
	if agent := c.userAgent.Load(); agent != nil {
		s.Authenticated, s.UserAgent = c.authenticated.Load(), *agent
	}
	return s
}

// session describes a call. The head must have been loaded after the call was found.
func (c *call) session(head uint64) SessionCall {
	s := SessionCall{Method: c.Method(), Key: c.key.name(), Started: c.Started()}
	p := c.progress.Load()
	if p == nil {
		return s
	}
	if p.reads {
		s.Query = shortQuery(p.query)
	}
	s.Subscription = p.subscribe
	s.Messages, s.Events, s.Position = p.messages.Load(), p.events.Load(), p.position.Load()
	if since := p.sending.Load(); since != 0 {
		s.Unread = max(0, time.Since(time.Unix(0, since)))
	}
	if checked := p.checked.Load(); p.subscribe && !p.waiting.Load() && checked < head {
		s.Lag = head - checked
	}
	return s
}

// shortQueryBytes is the approximate maximum length of a query in short.
const shortQueryBytes = 200

// shortQuery returns a query as text, such as "type=A type=B tag=x or tag=y": items are
// separated by "or", and an item that matches every event is "*". A long text is cut.
func shortQuery(q dcb.Query) string {
	var b []byte
	for i, item := range q.Items {
		if i > 0 {
			b = append(b, " or "...)
		}
		b = appendNames(b, "type=", item.Types)
		if len(item.Types) > 0 && len(item.Tags) > 0 {
			b = append(b, ' ')
		}
		b = appendNames(b, "tag=", item.Tags)
		if len(item.Types)+len(item.Tags) == 0 {
			b = append(b, '*')
		}
		if len(b) > shortQueryBytes {
			return strings.ToValidUTF8(string(b[:shortQueryBytes]), "") + "…"
		}
	}
	if len(q.Items) == 0 {
		return "*"
	}
	return string(b)
}

// appendNames appends names, each after a prefix, until the text is too long.
func appendNames(b []byte, prefix string, names []string) []byte {
	for i, name := range names {
		if len(b) > shortQueryBytes {
			break
		}
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, prefix...), name[:min(len(name), shortQueryBytes+1)]...)
	}
	return b
}
