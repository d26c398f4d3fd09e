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
	// noticeInterval is the minimum time between two lines with the same message.
	noticeInterval = time.Minute
	// noticeAddresses is the maximum number of addresses in a line.
	noticeAddresses = 5
)

// notices logs events that may be frequent, such as refusals: at most one line a minute
// for each message, with the number of occurrences since the previous line and the
// addresses of clients that caused them.
type notices struct {
	log *slog.Logger

	mu       sync.Mutex
	messages map[string]*notice // guarded by mu
}

// notice contains the occurrences of a message since its last line.
type notice struct {
	logged time.Time
	times  int
	from   map[string]bool
}

func newNotices(log *slog.Logger) *notices {
	return &notices{log: log, messages: make(map[string]*notice)}
}

// Warn counts one occurrence of a message. from is the address of the client that caused
// it; it may be nil. The first occurrence is logged at once. Messages must be constants,
// because they are never removed.
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

// flush logs the counted messages whose last line is at least a minute old. It is called
// about once a second.
func (n *notices) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for message, seen := range n.messages {
		n.logDue(message, seen)
	}
}

// logDue logs a message if it has been counted and its last line is old enough. The
// caller must hold mu.
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
