package server

import (
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// noticeInterval is the minimum time between two lines with the same message.
	noticeInterval = time.Minute
	// noticeAddresses is the maximum number of addresses in a line.
	noticeAddresses = 5
)

// notices counts and logs refusals, which may be frequent: at most one line a minute for
// each kind and API key, with the number of occurrences since the previous line and the
// addresses of clients that caused them.
type notices struct {
	log    *slog.Logger
	counts [refusals]atomic.Uint64

	mu   sync.Mutex
	seen map[subject]*notice // guarded by mu
}

// subject is what the occurrences of a notice have in common.
type subject struct {
	kind refusal
	key  string // name of the API key that it concerns, or empty
}

// notice contains the occurrences of a subject since its last line.
type notice struct {
	logged time.Time
	times  int
	from   map[string]bool
}

func newNotices(log *slog.Logger) *notices {
	return &notices{log: log, seen: make(map[subject]*notice)}
}

// Warn counts one refusal. from is the address of the client that caused it; it may be nil.
// The first occurrence is logged at once.
func (n *notices) Warn(kind refusal, from net.Addr) { n.WarnKey(kind, "", from) }

// WarnKey is Warn for a refusal that concerns the API key with a name.
func (n *notices) WarnKey(kind refusal, key string, from net.Addr) {
	n.counts[kind].Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	about := subject{kind, key}
	seen := n.seen[about]
	if seen == nil {
		seen = &notice{from: make(map[string]bool)}
		n.seen[about] = seen
	}
	seen.times++
	if from != nil && len(seen.from) < noticeAddresses {
		seen.from[hostOf(from)] = true
	}
	n.logDue(about, seen)
}

// flush logs the counted refusals whose last line is at least a minute old, and removes those
// that have not occurred since. It is called about once a second.
func (n *notices) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for about, seen := range n.seen {
		if seen.times == 0 && time.Since(seen.logged) >= noticeInterval {
			delete(n.seen, about)
			continue
		}
		n.logDue(about, seen)
	}
}

// logDue logs a refusal if it has been counted and its last line is old enough. The
// caller must hold mu.
func (n *notices) logDue(about subject, seen *notice) {
	now := time.Now()
	if seen.times == 0 || now.Sub(seen.logged) < noticeInterval {
		return
	}
	attributes := []any{"times", seen.times, "from", slices.Sorted(maps.Keys(seen.from))}
	if about.key != "" {
		attributes = append([]any{"key", about.key}, attributes...)
	}
	n.log.Warn(refusalKinds[about.kind].message, attributes...)
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
