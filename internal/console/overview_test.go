package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/web"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// operatorOf answers with what it has. What it does not have, or err if that is set, is an error.
type operatorOf struct {
	web.Operator // is nil: tests of other pages have their own

	status     *adminv1.StatusResponse
	sessions   *adminv1.SessionsResponse
	layout     *adminv1.LayoutResponse
	rejections *adminv1.RejectionsResponse
	err        error
}

func answer[T any](have *T, err error) (*T, error) {
	if err == nil && have == nil {
		err = fmt.Errorf("%w: the server is another one", errors.ErrUnsupported)
	}
	return have, err
}

func (o operatorOf) Status(context.Context) (*adminv1.StatusResponse, error) {
	return answer(o.status, o.err)
}

func (o operatorOf) Lagging(context.Context, uint32) (*adminv1.SessionsResponse, error) {
	return answer(o.sessions, o.err)
}

func (o operatorOf) Rejections(context.Context, uint32) (*adminv1.RejectionsResponse, error) {
	return answer(o.rejections, o.err)
}

func (o operatorOf) Layout(context.Context) (*adminv1.LayoutResponse, error) {
	return answer(o.layout, o.err)
}

// siteOf is a site of an operator's answers, of a plain server if plain is set.
func siteOf(t *testing.T, operator operatorOf, plain bool) *site {
	t.Helper()
	return newSite(t, func(b *web.Backend) {
		b.Operator = operator
		if plain {
			makePlain(b)
		}
	})
}

func TestOverview(t *testing.T) {
	s := newSite(t)
	s.append(dcb.Event{Type: "A"}, dcb.Event{Type: "B"}, dcb.Event{Type: "B"})
	type overview struct {
		Head    uint64
		Since   string
		History *struct {
			Events []uint64
			Hour   uint64 `json:"last_hour"`
		}
		Status struct {
			Latencies []struct {
				Of      string
				Seconds float64 `json:"in_the_last_seconds"`
				P99     float64 `json:"p99_seconds"`
			}
			Rates *struct{ Events, Seconds float64 }
		}
	}
	var first, second overview
	s.json("/overview.json", &first)
	h := first.History
	if first.Head != 3 || h == nil || h.Hour != 3 || len(h.Events) != 20 || h.Events[19] != 3 {
		t.Errorf("the overview is %+v with the history %+v", first, h)
	}
	if l := first.Status.Latencies; len(l) != 2 || l[0].Of != "append" || l[0].Seconds != 0 || l[0].P99 <= 0 || first.Status.Rates != nil {
		t.Errorf("the first answer has %+v", first.Status)
	}
	s.append(dcb.Event{Type: "C"})
	s.json("/overview.json?since="+url.QueryEscape(first.Since), &second)
	if r := second.Status.Rates; second.Head != 4 || second.History != nil || r == nil || r.Events <= 0 {
		t.Errorf("the second answer is %+v", second)
	}
	if l := second.Status.Latencies; len(l) != 4 || l[0].Seconds <= 0 || l[0].P99 <= 0 {
		t.Errorf("the second answer has the latencies %+v", l)
	}
	if heads := s.texts("/", "head"); len(heads) != 1 || heads[0] != "4" {
		t.Errorf("the page shows the heads %q", heads)
	}
	for _, since := range []string{"x", "####", "AAAA"} {
		if body := s.get("/overview.json?since="+url.QueryEscape(since), http.StatusBadRequest); !strings.Contains(body, "since") {
			t.Errorf("since=%s: %s", since, body)
		}
	}
}

// Nothing is shown of what a server does not report, not even as 0.
func TestOverviewOfAReleasedServer(t *testing.T) {
	for name, operator := range map[string]operatorOf{"released": {}, "without the right": {err: dcb.ErrAuthentication}} {
		s := siteOf(t, operator, true)
		s.append(dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
		var data map[string]any
		s.json("/overview.json", &data)
		delete(data, "time")
		delete(data, "since")
		if len(data) != 1 || data["head"] != 2.0 {
			t.Errorf("%s: the overview has %v", name, data)
		}
		if tiles := s.texts("/", "tiles"); len(tiles) != 1 || tiles[0] != "Head2" {
			t.Errorf("%s: the page shows %q", name, tiles)
		}
		if states := s.texts("/", "states"); len(states) != 0 {
			t.Errorf("%s: the page warns: %q", name, states)
		}
	}
}

// The head is shown although another part fails, with the reason.
func TestOverviewWithoutAPart(t *testing.T) {
	s := siteOf(t, operatorOf{err: errors.New("it is on fire")}, false)
	if states := s.texts("/", "states"); len(states) != 1 || !strings.Contains(states[0], "state of the server cannot be shown: it is on fire") {
		t.Errorf("the page warns: %q", states)
	}
}

func TestOverviewSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		store *adminv1.StoreStatus
		want  string
	}{
		{&adminv1.StoreStatus{}, ""},
		{&adminv1.StoreStatus{Failure: "no disk"}, "Error: The store has failed: it can be read, and accepts no more appends until the server is started again. no disk"},
		{&adminv1.StoreStatus{ReadOnly: true}, "Note: The store is read-only: it accepts no appends."},
		{&adminv1.StoreStatus{Disk: &adminv1.DiskStatus{Refusal: "it is full"}}, "Error: Appends are refused for lack of disk space. it is full"},
		{&adminv1.StoreStatus{Disk: &adminv1.DiskStatus{FreeBytes: 1 << 20, FileSystemBytes: 1 << 30}}, "Warning: The file system of the store has 1.0 MiB free of 1.0 GiB."},
		{&adminv1.StoreStatus{Scrub: &adminv1.ScrubStatus{LogFindings: 1}}, "Error: The scrub has found corruption: findings in the log 1, in the index 0. See the log of the server."},
		{&adminv1.StoreStatus{AppendStall: durationpb.New(time.Millisecond)}, ""},
		{&adminv1.StoreStatus{AppendStall: durationpb.New(5 * time.Second)}, "Warning: Appends have been waiting for 5s, and none has been completed."},
		{&adminv1.StoreStatus{ReadOnly: true, Standby: &adminv1.StandbyStatus{Server: "http://a", Connected: true}}, "Note: This server is a standby of http://a: it accepts no appends."},
		{&adminv1.StoreStatus{Standby: &adminv1.StandbyStatus{Server: "http://a", Missing: 7, Lag: durationpb.New(9 * time.Second)}},
			"Warning: This standby cannot reach its server http://a.Warning: 7 events of the server are missing here. The standby was last caught up 9s ago."},
		{&adminv1.StoreStatus{SharedLog: &adminv1.SharedLogStatus{Writer: true}}, "Note: The log is shared with other servers. This server has written last."},
		{&adminv1.StoreStatus{SharedLog: &adminv1.SharedLogStatus{Halt: "lost", Silence: durationpb.New(time.Minute), WriterAddress: "b:1"}},
			"Error: This server cannot follow the shared log: appends and fresh reads fail. lostWarning: The shared log has not answered for 1m0s.Note: The log is shared with other servers. The server at b:1 has written last."},
	} {
		s := siteOf(t, operatorOf{status: &adminv1.StatusResponse{Started: timestamppb.Now(), Now: timestamppb.Now(), Store: c.store}}, false)
		have := strings.Join(strings.Fields(strings.Join(s.texts("/", "states"), " ")), " ")
		if have != c.want {
			t.Errorf("%v is shown as %q, want %q", c.store, have, c.want)
		}
	}
}

func TestOverviewShowsSubscriptionsAndCopies(t *testing.T) {
	ago := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(-d)) }
	s := siteOf(t, operatorOf{
		status: &adminv1.StatusResponse{Started: ago(time.Hour), Now: timestamppb.Now(), Store: &adminv1.StoreStatus{
			Head: 100, Disk: &adminv1.DiskStatus{},
			Copies: []*adminv1.CopyStatus{{Started: ago(time.Minute), Position: 100, Follows: true}, {Started: ago(11 * time.Minute), Ended: ago(10 * time.Minute), Position: 40}},
		}},
		sessions: &adminv1.SessionsResponse{
			Sessions: []*adminv1.Session{{Id: 3, Peer: "10.0.0.1:99"}}, Subscriptions: 12,
			Calls: []*adminv1.Call{{Session: 3, Subscription: true, Lag: 55, Query: "type=<A>", Events: 4, Unread: durationpb.New(2 * time.Second)}, {Session: 3, Method: "another"}},
		},
	}, false)
	var data struct {
		Status struct {
			Copies []struct{ Position, Missing uint64 }
		}
		Subscriptions struct {
			All     uint64
			Lagging []struct {
				Client, Query string
				Lag           uint64
			} `json:"most_lagging"`
		}
	}
	s.json("/overview.json", &data)
	if c := data.Status.Copies; len(c) != 2 || c[0].Missing != 0 || c[1].Position != 40 || c[1].Missing != 60 {
		t.Errorf("the copies are %+v", c)
	}
	l := data.Subscriptions
	if l.All != 12 || len(l.Lagging) != 1 || l.Lagging[0].Client != "10.0.0.1:99" || l.Lagging[0].Lag != 55 {
		t.Errorf("the subscriptions are %+v", l)
	}
	page := strings.Join(s.texts("/", "live"), " ")
	for _, want := range []string{"12 subscriptions", "type=<A>", "2.0 s", "follows the log, started 1 min ago", "ended 10 min ago"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q: %s", want, page)
		}
	}
}
