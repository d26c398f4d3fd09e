package admin_test

import (
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// The state of a server of a shared log is served also while the log is down, and when the server
// cannot follow it.
func TestStatusOfASharedLog(t *testing.T) {
	engine := fakelog.New(fakelog.Options{})
	log := engine.Connect()
	if _, err := log.Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	config := store.Shared{Log: log, Address: "http://a:50051", LocalReads: true}
	opened, err := store.OpenShared(t.Context(), "/store", &store.Options{FS: vfs.NewMem()}, config)
	if err != nil {
		t.Fatal(err)
	}
	r := startStore(t, opened)
	c := r.admin(t)
	status := func() *adminv1.SharedLogStatus {
		t.Helper()
		response, err := c.Status(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return response.GetStore().GetSharedLog()
	}
	r.append(t, nil, dcb.Event{Type: "a"})
	got := status()
	if got.GetLog() != "01"+strings.Repeat("0", 30) || got.GetAddress() != "http://a:50051" || got.GetApplied() != 1 || got.GetEnd() != 1 || got.GetLag() != nil || got.GetSilence() == nil {
		t.Errorf("after an append: %v", got)
	}
	if !got.GetWriter() || got.GetWriterAddress() != "" || got.GetHalt() != "" {
		t.Errorf("after an append: %v", got)
	}

	other := engine.Connect()
	last, err := other.Last(t.Context())
	if err == nil {
		err = other.Append(t.Context(), last, 7, []byte("no record"))
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is halted", func() bool { return status().GetHalt() != "" })
	engine.SetDown(true)
	defer engine.SetDown(false)
	if got := status(); got.GetApplied() != 1 || got.GetEnd() != 2 || got.GetLag() == nil || !strings.Contains(got.GetHalt(), "does not continue") {
		t.Errorf("after a record of another history: %v", got)
	}
}
