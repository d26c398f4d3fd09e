package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// RightsOf is rightsOf.
var RightsOf = rightsOf

// Methods returns the paths of all methods.
func (s *Server) Methods() []string { return slices.Sorted(maps.Keys(s.methods)) }

// SetPeer makes a certificate that of the clients of all open connections.
func (s *Server) SetPeer(certificate *x509.Certificate) {
	for _, c := range s.conns.all() {
		c.peer.Store(certificate)
	}
}

// LastingCalls returns the number of calls that end when their key is revoked.
func (s *Server) LastingCalls() int {
	s.auth.lasting.mu.Lock()
	defer s.auth.lasting.mu.Unlock()
	return len(s.auth.lasting.calls)
}

// PermitsQuery reports whether a key permits a query.
func PermitsQuery(k Key, query dcb.Query) bool {
	used := newKey(k, nil)
	return used.permits(access{anyOf: k.Rights, query: &query}) == nil
}

// PermitsTerms returns nil if a key permits a request for types or tags.
func PermitsTerms(k Key, r *record.TermsRequest) error {
	return newKey(k, nil).permits(access{anyOf: k.Rights, terms: r})
}

// PermitsEvent reports whether a key permits an event to be appended.
func PermitsEvent(k Key, event record.Event) bool {
	used := newKey(k, nil)
	return used.scope == nil || used.permitsEvent(1, event) == nil
}

// BudgetWait is budgetWait.
const BudgetWait = budgetWait

// Bounds of the calls of a connection.
const (
	AnonymousCalls    = anonymousCalls
	CallBytes         = callBytes
	ConnectionWatches = connectionWatches
)

// CallsUsed returns the bytes of the calls in progress.
func (s *Server) CallsUsed() int64 {
	return s.calls.used[anonymous].Load() + s.calls.used[lasting].Load() + s.calls.used[brief].Load()
}

// AppendsInProgress returns the number of appends in progress.
func (s *Server) AppendsInProgress() int64 { return s.appending.Load() }

// RequestsUsed returns the bytes that are reserved for large requests.
func (s *Server) RequestsUsed() int64 { return s.requests.used(largePool) }

// ResponsesUsed returns the bytes that are reserved for responses.
func (s *Server) ResponsesUsed() int64 { return s.responses.used(largePool) }

func (b *budget) used(p pool) int64 { return b.pools[p].inUse() }

// NewCertificate loads the certificate of the options.
func NewCertificate(options Options) (*certificate, error) {
	return newCertificate(options.withDefaults(&dcb.Limits{}))
}

// Watch calls watch.
func (c *certificate) Watch(ctx context.Context) { c.watch(ctx) }

// PeerNames returns the common names of the certificates of the connected clients.
func (s *Server) PeerNames() (names []string) {
	for _, c := range s.conns.all() {
		if peer := c.peer.Load(); peer != nil {
			names = append(names, peer.Subject.CommonName)
		}
	}
	return names
}

// InUse describes what clients use: calls, memory and waiting calls. It is empty if they
// use nothing.
func (s *Server) InUse() string {
	var out []string
	add := func(n int64, what string, args ...any) {
		if n != 0 {
			out = append(out, fmt.Sprintf("%s: %d", fmt.Sprintf(what, args...), n))
		}
	}
	for class := range s.calls.used {
		add(s.calls.used[class].Load(), "calls of class %d", class)
	}
	for _, b := range []*budget{s.requests, s.queries, s.subscriptions, s.responses} {
		add(b.waiting.Load(), "calls that wait for memory for %s", b.of)
		for p := range b.pools {
			add(b.used(pool(p)), "bytes of %s in pool %d", b.of, p)
		}
	}
	add(s.appending.Load(), "appends")
	add(s.watches.Load(), "watches")
	for _, m := range s.Metrics().Methods {
		add(int64(m.InProgress), "calls of %s", m.Method)
	}
	for _, c := range s.conns.all() {
		c.mu.Lock()
		add(int64(len(c.inFlight)), "messages in flight")
		c.mu.Unlock()
		for class := range c.used {
			add(c.used[class].Load(), "calls of class %d of a connection", class)
		}
	}
	return strings.Join(out, ", ")
}

// ShortQuery is shortQuery.
func ShortQuery(q dcb.Query) string { return shortQuery(q) }
