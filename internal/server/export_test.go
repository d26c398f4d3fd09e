package server

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
)

// BudgetWait is budgetWait.
const BudgetWait = budgetWait

// NewCertificate loads the certificate of options.
func NewCertificate(options Options) (*certificate, error) {
	return newCertificate(options.withDefaults(&dcb.Limits{}))
}

// Watch warns once a day until ctx is done.
func (c *certificate) Watch(ctx context.Context) { c.watch(ctx) }
