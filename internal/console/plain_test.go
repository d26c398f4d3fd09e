package console_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

var errPlain = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server does not offer it", Cause: errors.ErrUnsupported}

// plainEvents are those of a server that keeps no recorded times, as the released one.
type plainEvents struct{ dcb.EventStore }

func (plainEvents) PositionAt(context.Context, time.Time) (uint64, error) { return 0, errPlain }

// plainTerms are those of a server without an index of terms.
type plainTerms struct{}

func (plainTerms) Types(context.Context, dcb.TermsOptions) *dcb.TermsResponse {
	return dcb.NewTermsResponse(func() ([]dcb.TermCount, uint64, error) { return nil, 0, errPlain }, func() {})
}

func (p plainTerms) Tags(ctx context.Context, options dcb.TermsOptions) *dcb.TermsResponse {
	return p.Types(ctx, options)
}

func (plainTerms) CountTerms(context.Context, dcb.Query) (*dcb.TermCounts, error) {
	return nil, errPlain
}

func (plainTerms) CountEvents(context.Context, dcb.Query, []uint64) ([]uint64, error) {
	return nil, errPlain
}

func makePlain(b *web.Backend) { b.Events, b.Terms = plainEvents{b.Events}, plainTerms{} }

// A server without recorded times and without an index of terms can be browsed.
func TestBrowsePlainServer(t *testing.T) {
	s := newSite(t, makePlain)
	s.append(dcb.Event{Type: "A"})
	if got := s.get("/complete/types?prefix=", http.StatusOK); strings.TrimSpace(got) != "[]" {
		t.Errorf("the completion is %s", got)
	}
	if hints := s.texts("/browse?type=B", "notice"); len(hints) != 1 || hints[0] != "No event matches." {
		t.Errorf("the hints are %q", hints)
	}
	if page := s.get("/browse?type=A&since=2h", http.StatusNotImplemented); !strings.Contains(page, "<p>"+errPlain.Detail+"</p>") || !strings.Contains(page, `name="since" value="2h"`) {
		t.Errorf("the page does not have the problem and the form: %s", page)
	}
	s.get("/browse.json?since=2h", http.StatusNotImplemented)
}
