package client_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

var _ dcb.TermIndex = (*client.Client)(nil)

func TestServerWithoutTermsIsNamed(t *testing.T) {
	c := new(scripted).connect(t)
	_, _, listed := c.Tags(within(t, patience), dcb.TermsOptions{}).Collect()
	_, counted := c.CountTerms(within(t, patience), dcb.Query{})
	for _, err := range []error{listed, counted} {
		if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "does not have the method umadb.v1.DCB/Terms") {
			t.Errorf("the error is %v", err)
		}
	}
}
