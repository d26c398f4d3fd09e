package admin_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// each calls every method once, and returns the errors by method.
func each(t *testing.T, c *admin.Client) map[string]error {
	t.Helper()
	errs := map[string]error{}
	_, errs["Status"] = c.Status(within(t))
	_, errs["Stats"] = c.Stats(within(t), 1)
	_, errs["Sessions"] = c.Sessions(within(t))
	_, errs["Layout"] = c.Layout(within(t))
	_, errs["Scrub"] = c.Scrub(within(t), 0, func(uint64, uint64) {})
	errs["TrackingSources"], errs["Groups"] = nil, nil
	for _, err := range c.TrackingSources(within(t)) {
		errs["TrackingSources"] = err
	}
	for _, err := range c.Groups(within(t), &adminv1.GroupsRequest{}) {
		errs["Groups"] = err
	}
	return errs
}

func TestEveryMethodNeedsTheKey(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.append(t, nil, dcb.Event{Type: "A"})
	for method, err := range each(t, r.admin(t)) {
		if err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	for _, key := range []string{"", "other"} {
		for method, err := range each(t, admin.NewClient(r.dial(t, key))) {
			if !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("%s with the key %q: %v", method, key, err)
			}
		}
	}
}

func TestEveryMethodNeedsTheRight(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	key := func(name string, rights server.Rights) server.Key {
		hash := sha256.Sum256([]byte(name))
		return server.Key{Name: name, Hash: &hash, Rights: rights}
	}
	if err := r.SetKeys([]server.Key{key("operator", server.RightAdmin), key("reader", server.AllRights&^server.RightAdmin)}); err != nil {
		t.Fatal(err)
	}
	for method, err := range each(t, admin.NewClient(r.dial(t, "operator"))) {
		if err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	for method, err := range each(t, admin.NewClient(r.dial(t, "reader"))) {
		if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), `"reader"`) {
			t.Errorf("%s without the right: %v", method, err)
		}
	}
}

func TestServerWithoutTheService(t *testing.T) {
	opened, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(opened, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := serve(t, &running{Server: s, store: opened})
	r.url = strings.Replace(r.url, "https", "http", 1)
	for method, err := range each(t, admin.NewClient(r.dial(t, ""))) {
		if !admin.IsMissing(err) || !errors.Is(err, dcb.ErrTransport) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if admin.IsMissing(nil) || admin.IsMissing(errors.New("other")) {
		t.Error("another result counts as a missing service")
	}
}

func TestStatus(t *testing.T) {
	before := time.Now()
	r := start(t, t.TempDir(), nil)
	c := r.admin(t)
	have, err := c.Status(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if have.Store.Head != 0 || have.Store.LastCommit != nil || have.Store.Failure != "" || have.Store.AppendStall != nil || have.Store.ReadOnly {
		t.Errorf("an empty store has the status %v", have.Store)
	}
	r.append(t, nil, dcb.Event{Type: "A"}, dcb.Event{Type: "B"})
	if have, err = c.Status(within(t)); err != nil {
		t.Fatal(err)
	}
	o, err := r.store.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := have.Store
	if s.Id != o.ID || s.Head != 2 || !s.LastCommit.AsTime().Equal(o.LastCommit) || s.LogBytes != uint64(o.LogBytes) ||
		s.DiskBytes != uint64(o.DiskBytes) || s.Segments != 1 || s.Blocks != 0 || s.UncoveredEvents != 2 {
		t.Errorf("the status %v does not match %+v", s, o)
	}
	if d := s.Disk; d.LogBytes+d.IndexBytes != s.DiskBytes || d.MaxBytes != 0 || d.Refusal != "" {
		t.Errorf("the disk is %v", d)
	}
	if s.Cache.MaxBytes != 64<<20 || s.Scrub != nil || len(s.Copies) != 0 || len(s.Appends.Latency.Counts) == 0 {
		t.Errorf("the status is %v", s)
	}
	if have.Version != "1.2.3" || have.Commit != "abc" || have.Started.AsTime().Before(before) || have.Now.AsTime().Before(have.Started.AsTime()) {
		t.Errorf("the status is %v", have)
	}
	u := have.Server
	if u.Connections != 1 || u.MaxConnections < 1 || u.Appends != 0 || u.ReceivedBytes == 0 || u.SentBytes == 0 || len(u.Refusals) == 0 {
		t.Errorf("the status is %v", u)
	}
	for _, m := range u.Memory {
		if m.MaxBytes == 0 || (m.UsedBytes > 0) != (m.Of == "calls") {
			t.Errorf("memory %v", m)
		}
	}
	for _, m := range u.Methods {
		if m.Method == "umadb.admin.v1.Admin/Status" && (m.Ended != 1 || m.Failed != 0 || m.InProgress != 1 || m.Durations.Sum <= 0 || len(m.Durations.Counts) != len(m.Durations.Bounds)+1) {
			t.Errorf("method %v", m)
		}
	}
}

func TestStatsAreThoseOfTheStore(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for i := range uint64(20) {
		r.append(t, &dcb.TrackingInfo{Source: fmt.Sprint("s", i%3), Position: i},
			dcb.Event{Type: fmt.Sprint("T", i%4), Tags: []string{"all", fmt.Sprint("n:", i)}})
	}
	want, err := r.store.Stats(t.Context(), &store.StatsOptions{Top: 3})
	if err != nil {
		t.Fatal(err)
	}
	have, err := r.admin(t).Stats(within(t), 3)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("the statistics are %+v, want %+v", have, want)
	}
}

func TestStatsAreBounded(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.append(t, nil, dcb.Event{Type: strings.Repeat("é", 2000)})
	c := r.admin(t)
	have, err := c.Stats(within(t), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if name := have.Types.Top[0].Name; name != strings.Repeat("é", 512)+"…" {
		t.Errorf("a long name has %d bytes: %.20s", len(name), name)
	}
	if _, err := c.Stats(within(t), 1001); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("1,001 names are listed: %v", err)
	}
}

func TestTrackingSources(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	want := map[string]uint64{}
	for i := range uint64(1000) { // several messages
		source := fmt.Sprint(strings.Repeat("long", 50), i)
		want[source] = i
		r.append(t, &dcb.TrackingInfo{Source: source, Position: i})
	}
	have := map[string]uint64{}
	for info, err := range r.admin(t).TrackingSources(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		have[info.Source] = info.Position
	}
	if !maps.Equal(have, want) {
		t.Errorf("%d sources are listed, want %d", len(have), len(want))
	}
}

func TestShutdownEndsCalls(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	r.append(t, nil, dcb.Event{Type: "A"})
	ended := make(chan error)
	first := make(chan struct{})
	c := r.admin(t)
	go func() {
		for _, err := range c.Groups(within(t), &adminv1.GroupsRequest{Follow: true}) {
			if err != nil {
				ended <- err
				return
			}
			close(first)
		}
		ended <- nil
	}()
	<-first
	if err := r.Shutdown(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; status.Code(err) != codes.Unavailable {
		t.Errorf("the call ends with %v", err)
	}
}
