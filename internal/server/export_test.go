package server

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
)

// BudgetWait is budgetWait.
const BudgetWait = budgetWait

// What bounds the calls of a connection.
const (
	AnonymousCalls    = anonymousCalls
	CallBytes         = callBytes
	ConnectionWatches = connectionWatches
)

// CallsUsed returns the bytes of the calls in progress.
func (s *Server) CallsUsed() int64 {
	return s.calls.used[anonymous].Load() + s.calls.used[lasting].Load() + s.calls.used[brief].Load()
}

// AppendsStarted returns how many appends have begun and not ended.
func (s *Server) AppendsStarted() int64 { return s.appending.Load() }

// RequestsUsed returns the bytes that are reserved for large requests.
func (s *Server) RequestsUsed() int64 { return s.requests.used(largePool) }

// ResponsesUsed returns the bytes that are reserved for responses.
func (s *Server) ResponsesUsed() int64 { return s.responses.used(largePool) }

func (b *budget) used(p pool) int64 {
	b.pools[p].mu.Lock()
	defer b.pools[p].mu.Unlock()
	return b.pools[p].used
}

// UpdateAppendHealth sets the health of appends, as is done once a second.
func (s *Server) UpdateAppendHealth() { s.updateAppendHealth() }

// NewCertificate loads the certificate of options.
func NewCertificate(options Options) (*certificate, error) {
	return newCertificate(options.withDefaults(&dcb.Limits{}))
}

// Watch warns once a day until ctx is done.
func (c *certificate) Watch(ctx context.Context) { c.watch(ctx) }
