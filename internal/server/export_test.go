package server

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
)

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

func (b *budget) used(p pool) int64 {
	b.pools[p].mu.Lock()
	defer b.pools[p].mu.Unlock()
	return b.pools[p].used
}

// NewCertificate loads the certificate of the options.
func NewCertificate(options Options) (*certificate, error) {
	return newCertificate(options.withDefaults(&dcb.Limits{}))
}

// Watch calls watch.
func (c *certificate) Watch(ctx context.Context) { c.watch(ctx) }
