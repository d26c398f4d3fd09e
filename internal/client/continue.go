package client

import (
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/record"
)

// readProgress is how far a read has come, so that it can continue at another server. Events do
// not change, and all servers have them in the same order: the events after the last one, up to
// the head of the snapshot, are those that the first server would have sent.
type readProgress struct {
	parsed *record.ReadRequest // nil until it is needed
	// head is that of the snapshot, or 0 for a read with a limit. If such a read has continued, it may
	// return events that were appended after the first server took its snapshot.
	head   uint64
	events uint64 // returned so far
	last   uint64 // position of the last of them
	whole  bool   // every event was returned
}

// canContinue reports whether the read of a request can continue at another server.
func (p *readProgress) canContinue(request []byte) bool {
	if p.parsed == nil {
		parsed, err := record.ParseRead(request, &unlimited)
		if err != nil {
			return false
		}
		p.parsed = parsed
	}
	return !p.parsed.Subscribe
}

// isComplete reports whether all events of the read of a request were returned.
func (p *readProgress) isComplete(request []byte) bool {
	if p.whole || !p.canContinue(request) {
		return p.whole
	}
	options := &p.parsed.Options
	switch {
	case options.Limit != nil && p.events >= uint64(*options.Limit):
		return true
	case options.Backwards:
		return p.last <= 1
	}
	return options.Limit == nil && p.last >= p.head
}

// continuation returns the request that continues a read. canContinue must have returned true.
func (p *readProgress) continuation(request []byte) []byte {
	start := p.last + 1
	if p.parsed.Options.Backwards {
		start = p.last - 1
	}
	rest := record.ReadRequest{Options: p.parsed.Options}
	rest.Options.Start = &start
	if limit := rest.Options.Limit; limit != nil {
		rest.Options.Limit = new(*limit - uint32(p.events))
	}
	return record.ContinueRead(request, &rest.Options)
}

// errLags is the error of a server that does not have the events of a read that it continues.
var errLags = &grpcclient.Error{Code: codes.Unavailable, Message: "the server lags: it does not have all events of the read that it should continue", Answered: true}

// noteRead records what the caller receives with a message of a read, and returns the message to
// be returned, or nil for none. If the read has continued at another server, its snapshot
// remains that of the first one.
func (m *Messages) noteRead(message []byte) ([]byte, error) {
	p := &m.read
	s, err := record.Summarize(message)
	if err != nil {
		return nil, unreadable(err)
	}
	m.client.servers.saw(max(s.Head, s.First, s.Last))
	if !m.delivered {
		p.head = s.Head
		p.whole = s.Events == 0 // nothing matches
	} else if m.continued && p.parsed.Options.Limit == nil {
		if s.Head < p.head {
			return nil, errLags
		}
		p.whole = s.Last > p.head
		if message, s, err = record.ClipResponse(message, p.head); err != nil {
			return nil, unreadable(err)
		}
	}
	if s.Events > 0 {
		p.events += uint64(s.Events)
		p.last = s.Last
	} else if m.delivered {
		message = nil
	}
	return message, nil
}
