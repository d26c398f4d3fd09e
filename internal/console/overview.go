package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// overview shows the state of the server and its store. With the parameter since, which is that of
// an earlier answer, it has the rates since then, but no history: the script of the page has that.
//
// Types and tags are not part of it, because counting them takes a pass over the index: the page
// loads them afterwards from typesPage and tagsPage.
var overview = page{path: "/", title: "Overview", load: loadOverview}

// overviewData is the data of overview. What the server does not report is omitted.
type overviewData struct {
	Head          uint64             `json:"head"`
	Time          time.Time          `json:"time"` // of the data, by the clock of the server, if it reports that
	History       *history           `json:"history,omitempty"`
	Status        *statusData        `json:"status,omitempty"`
	Subscriptions *subscriptionsData `json:"subscriptions,omitempty"`
	Rejected      *rejectedData      `json:"rejected,omitempty"`
	// Directory is set if the store is in a directory without a server.
	Directory bool `json:"directory,omitempty"`
	// Since is the parameter for an answer with the rates since this one.
	Since string `json:"since"`
	// Problems are why parts could not be loaded. An operator needs the others all the more.
	Problems []string `json:"problems,omitempty"`
}

// Milliseconds returns the time of the data in milliseconds since 1970, for the script.
func (d *overviewData) Milliseconds() int64 { return d.Time.UnixMilli() }

// EventRate returns the number of events per second, since the earlier answer or in the last step of
// the history, or nothing if it is not known.
func (d *overviewData) EventRate() string {
	switch {
	case d.Status != nil && d.Status.Rates != nil:
		return fmt.Sprintf("%.1f", d.Status.Rates.Events)
	case d.History != nil:
		return fmt.Sprintf("%.1f", float64(d.History.Events[historySteps-1])/d.History.StepSeconds)
	}
	return ""
}

func loadOverview(ctx context.Context, r *http.Request, b *web.Backend) (any, error) {
	before, err := parseSince(r.URL.Query().Get("since"))
	if err != nil {
		return nil, err
	}
	data := &overviewData{Time: time.Now().UTC(), Directory: b.Directory}
	if data.Head, err = b.Events.Head(ctx); err != nil {
		return nil, err
	}
	var problems [4]error
	var parts sync.WaitGroup
	var status *adminv1.StatusResponse
	parts.Go(func() { status, problems[0] = b.Operator.Status(ctx) })
	parts.Go(func() { data.Subscriptions, problems[1] = loadSubscriptions(ctx, b) })
	parts.Go(func() { data.Rejected, problems[3] = loadRejected(ctx, b) })
	if before == nil {
		parts.Go(func() { data.History, problems[2] = loadHistory(ctx, b, data.Head, data.Time) })
	}
	parts.Wait()
	for i, part := range []string{"state of the server", "subscriptions", "history", "rejections"} {
		if isUnexpected(problems[i]) {
			data.Problems = append(data.Problems, fmt.Sprintf("The %s cannot be shown: %v", part, problems[i]))
		}
	}
	if problems[0] != nil {
		data.Since = newSince(&adminv1.StatusResponse{Now: timestamppb.New(data.Time)}) // the next answer needs no history
		return data, nil
	}
	data.Head, data.Time = status.GetStore().GetHead(), status.GetNow().AsTime()
	data.Status, data.Since = newStatusData(before, status), newSince(status)
	return data, nil
}

// rejectedData is the number of rejected appends since the start of the server, and when the last one was.
type rejectedData struct {
	Total uint64    `json:"total"`
	Last  time.Time `json:"last,omitzero"`
}

func loadRejected(ctx context.Context, b *web.Backend) (*rejectedData, error) {
	if b.Directory {
		return nil, nil
	}
	last, err := b.Operator.Rejections(ctx, 1)
	if err != nil {
		return nil, err
	}
	data := &rejectedData{Total: last.GetTotal()}
	if len(last.GetRejections()) > 0 {
		data.Last = last.GetRejections()[0].GetTime().AsTime()
	}
	return data, nil
}

// isUnexpected reports whether a call failed for another reason than that the server does not offer
// it, or not to this key. A page omits what it cannot get.
func isUnexpected(err error) bool {
	return err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, dcb.ErrAuthentication)
}

// shownSubscriptions is the maximum number of subscriptions that overview shows.
const shownSubscriptions = 10

// subscriptionsData is the subscriptions of the server.
type subscriptionsData struct {
	All     uint64             `json:"all"`
	Lagging []subscriptionData `json:"most_lagging"` // those that lag most first
}

// subscriptionData is a subscription.
type subscriptionData struct {
	Client   string  `json:"client"`
	Key      string  `json:"key,omitempty"`
	Query    string  `json:"query"`
	Position uint64  `json:"position,omitempty"` // of the last event that was sent
	Events   uint64  `json:"events"`             // sent
	Lag      uint64  `json:"lag"`                // positions up to the head that were not checked
	Unread   seconds `json:"unread_seconds,omitempty"`
}

func loadSubscriptions(ctx context.Context, b *web.Backend) (*subscriptionsData, error) {
	sessions, err := b.Operator.Lagging(ctx, shownSubscriptions)
	if err != nil {
		return nil, err
	}
	peers := map[uint64]string{}
	for _, s := range sessions.GetSessions() {
		peers[s.GetId()] = s.GetPeer()
	}
	data := &subscriptionsData{All: sessions.GetSubscriptions(), Lagging: []subscriptionData{}}
	for _, c := range sessions.GetCalls() {
		if c.GetSubscription() && len(data.Lagging) < shownSubscriptions {
			data.Lagging = append(data.Lagging, subscriptionData{
				Client: peers[c.GetSession()], Key: c.GetKey(), Query: c.GetQuery(), Position: c.GetPosition(), Events: c.GetEvents(),
				Lag: c.GetLag(), Unread: seconds(c.GetUnread().AsDuration().Seconds()),
			})
		}
	}
	data.All = max(data.All, uint64(len(data.Lagging))) // an older server does not send it
	return data, nil
}
