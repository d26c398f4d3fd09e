package server

import (
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// noticeInterval is the least time between two lines with one message.
	noticeInterval = time.Minute
	// noticeAddresses bounds the addresses that one line names.
	noticeAddresses = 5
)

// notices logs events that may be frequent, such as refusals: at most one line a minute
// for each message, with how often it has happened since the line before, and the
// addresses of clients that caused it.
type notices struct {
	log *slog.Logger

	mu       sync.Mutex
	messages map[string]*notice // guarded by mu
}

// notice is what has happened since the last line with a message.
type notice struct {
	logged time.Time
	times  int
	from   map[string]bool
}

func newNotices(log *slog.Logger) *notices {
	return &notices{log: log, messages: make(map[string]*notice)}
}

// Warn counts one occurrence of a message, caused by a client at an address, which may be
// nil. The first one is logged at once. The messages must be constants, because they are
// never removed.
func (n *notices) Warn(message string, from net.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	seen := n.messages[message]
	if seen == nil {
		seen = &notice{from: make(map[string]bool)}
		n.messages[message] = seen
	}
	seen.times++
	if from != nil && len(seen.from) < noticeAddresses {
		seen.from[hostOf(from)] = true
	}
	n.logDue(message, seen)
}

// flush logs the messages that have been counted and whose last line is at least a
// minute old. It is called about once a second.
func (n *notices) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for message, seen := range n.messages {
		n.logDue(message, seen)
	}
}

// logDue logs a notice if there is anything to log and its last line is old
// enough. The caller must hold mu.
func (n *notices) logDue(message string, seen *notice) {
	now := time.Now()
	if seen.times == 0 || now.Sub(seen.logged) < noticeInterval {
		return
	}
	n.log.Warn(message, "times", seen.times, "from", slices.Sorted(maps.Keys(seen.from)))
	*seen = notice{logged: now, from: make(map[string]bool)}
}

// hostOf returns an address without its port.
func hostOf(address net.Addr) string {
	host, _, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	return host
}
