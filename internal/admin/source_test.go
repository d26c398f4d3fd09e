package admin_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/store"
)

func TestLogGroupsAreThoseOfTheStore(t *testing.T) {
	r := start(t, t.TempDir(), &store.Options{SegmentBytes: 1 << 20})
	fill(t, r)
	remote := r.admin(t)
	var after eventlog.GroupID
	for range 2 { // from the start, and after a group
		var groups []eventlog.Group
		for g, err := range r.store.Groups(t.Context(), after, false) {
			if err != nil {
				t.Fatal(err)
			}
			g.Header, g.Payload = bytes.Clone(g.Header), bytes.Clone(g.Payload)
			groups = append(groups, g)
		}
		n := 0
		for g, err := range remote.LogGroups(within(t), after, false) {
			if err != nil {
				t.Fatal(err)
			}
			want := groups[n]
			if g.GroupHeader != want.GroupHeader || !bytes.Equal(g.Header, want.Header) || !bytes.Equal(g.Payload, want.Payload) || !bytes.Equal(g.SegmentHeader, want.SegmentHeader) {
				t.Fatalf("group %d differs", want.Index)
			}
			n++
		}
		if n != len(groups) || n < 20 {
			t.Errorf("%d groups instead of %d", n, len(groups))
		}
		tail := groups[29].Tail()
		after = tail.ID()
	}
}

func TestLogGroupsAfterAGroupThatTheStoreDoesNotHave(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for _, err := range r.admin(t).LogGroups(within(t), eventlog.GroupID{Index: 7, Chain: 7}, true) {
		if !errors.Is(err, dcb.ErrIntegrity) {
			t.Errorf("the error is %v", err)
		}
	}
}
