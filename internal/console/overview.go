package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
)

// overview shows the state of the server and its store.
var overview = page{path: "/", title: "Overview", load: loadOverview}

// topTerms is the number of types and of tags that overview shows.
const topTerms = 10

// overviewData is the data of overview.
type overviewData struct {
	Head   uint64          `json:"head"`
	Types  []dcb.TermCount `json:"types,omitempty"`
	Tags   []dcb.TermCount `json:"tags,omitempty"`
	Status *statusData     `json:"status,omitempty"` // nil if the server does not tell it
}

// statusData is the part of the state that operators see.
type statusData struct {
	Version     string    `json:"version"`
	Started     time.Time `json:"started"`
	LastCommit  time.Time `json:"last_commit"`
	LogBytes    uint64    `json:"log_bytes"`
	DiskBytes   uint64    `json:"disk_bytes"`
	Failure     string    `json:"failure,omitempty"`
	Connections uint64    `json:"connections"`
}

func loadOverview(ctx context.Context, _ *http.Request, b *web.Backend) (any, error) {
	data := new(overviewData)
	var err error
	if data.Head, err = b.Events.Head(ctx); err != nil {
		return nil, err
	}
	top := dcb.TermsOptions{Order: dcb.ByEvents, Limit: topTerms}
	if data.Types, _, err = b.Terms.Types(ctx, top).Collect(); isUnexpected(err) {
		return nil, err
	}
	if data.Tags, _, err = b.Terms.Tags(ctx, top).Collect(); isUnexpected(err) {
		return nil, err
	}
	status, err := b.Operator.Status(ctx)
	if isUnexpected(err) {
		return nil, err
	}
	if err == nil {
		data.Status = &statusData{
			Version:     status.GetVersion(),
			Started:     status.GetStarted().AsTime(),
			LogBytes:    status.GetStore().GetLogBytes(),
			DiskBytes:   status.GetStore().GetDiskBytes(),
			Failure:     status.GetStore().GetFailure(),
			Connections: status.GetServer().GetConnections(),
		}
		if last := status.GetStore().GetLastCommit(); last != nil {
			data.Status.LastCommit = last.AsTime()
		}
	}
	return data, nil
}

// isUnexpected reports whether a call failed for another reason than that the server does not offer
// it, or not to this key. A page omits what it cannot get.
func isUnexpected(err error) bool {
	return err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, dcb.ErrAuthentication)
}
