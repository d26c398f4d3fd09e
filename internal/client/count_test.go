package client_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

func TestServerThatCannotCountIsNamed(t *testing.T) {
	c := new(scripted).connect(t)
	_, err := c.CountEvents(within(t, patience), dcb.Query{}, []uint64{0, 1})
	if !errors.Is(err, dcb.ErrTransport) || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "does not have the method umadb.v1.DCB/Count") {
		t.Errorf("the error is %v", err)
	}
}
