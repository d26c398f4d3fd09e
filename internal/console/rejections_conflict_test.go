package console_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/console"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/web"
	"github.com/umadb-go/umadb/internal/web/webtest"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// With a key with the right admin and limits, Rejections has a conflicting event that the condition shows to be within the
// limits, and otherwise why it is missing.
func TestConflictsWithLimitedKey(t *testing.T) {
	rejection := func(number, conflict uint64, types, tags []string) *adminv1.Rejection {
		condition := &adminv1.RejectedCondition{Items: []*adminv1.RejectedItem{{Types: types, Tags: tags}}}
		return &adminv1.Rejection{Number: number, ConflictPosition: conflict, Events: []*adminv1.RejectedEvent{{Type: "B"}}, Condition: condition}
	}
	own, others := []string{"tenant:1:x"}, []string{"tenant:2:x"}
	answer := &adminv1.RejectionsResponse{Total: 5, Rejections: []*adminv1.Rejection{
		rejection(5, 4, []string{"A"}, own), rejection(4, 2, []string{"C"}, others), rejection(3, 4, []string{"A", "C"}, nil), rejection(2, 99, []string{"A"}, own),
		{Number: 1, ConflictPosition: 7, Condition: &adminv1.RejectedCondition{}},
	}}
	const denied, absent = "the rights or limits of the API key do not permit it", "the store has no event with this position"
	for name, c := range map[string]struct {
		key  server.Key
		want []string // why events are missing, by rejection; empty for those that are there
	}{
		"limits":  {server.Key{Types: []string{"A"}, TagPrefixes: []string{"tenant:1:"}, Rights: server.RightRead | server.RightAdmin}, []string{"", denied, "", absent, denied}},
		"no read": {server.Key{Rights: server.RightAppend | server.RightAdmin}, []string{denied, denied, denied, denied, denied}},
		"all":     {server.Key{Rights: server.RightRead | server.RightAdmin}, []string{"", "", "", absent, ""}},
	} {
		c.key.Name = "limited"
		opened, b := webtest.NewStoreWithKey(t, c.key)
		b.Operator = operator{answer: answer}
		_, url := webtest.Serve(t, web.Options{}, b, console.Register)
		s := &site{t, opened, url}
		s.tenants()
		var page struct {
			Rejections []struct {
				Conflict *struct{ Type string }
				Unread   string `json:"conflict_unread"`
			}
		}
		s.json("/rejections.json", &page)
		var got []string
		for n, r := range page.Rejections {
			got = append(got, r.Unread)
			if (r.Conflict == nil) != (r.Unread != "") {
				t.Errorf("%s: rejection %d has %+v", name, n, r)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		html := s.get("/rejections", http.StatusOK)
		for _, reason := range []string{denied, absent} {
			want := len(slices.DeleteFunc(slices.Clone(c.want), func(other string) bool { return other != reason }))
			if shown := strings.Count(html, "cannot be read here: "+reason); shown != want {
				t.Errorf("%s: the page has %q %d times, want %d times", name, reason, shown, want)
			}
		}
		for _, link := range s.links("/rejections") {
			if c.want[0] == "" && strings.HasPrefix(link, "/event?position=4") {
				s.get(link, http.StatusOK)
			}
		}
	}
}
