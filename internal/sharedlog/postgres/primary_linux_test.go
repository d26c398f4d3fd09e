package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// The old primary is suspended. Requests to it end when another server is the primary, without
// waiting for their deadlines.
func TestAnotherPrimaryEndsTheRequestsToTheOldOne(t *testing.T) {
	cluster := pgtest.Start(t, 2)
	log := open(t, cluster.URL())
	if _, err := log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	senders := cluster.Primary.Exec(t, "SELECT string_agg(pid::text, ' ') FROM pg_stat_replication")
	for _, standby := range cluster.Standbys {
		standby.Signal(t, syscall.SIGSTOP)
	}
	result := make(chan error, 1)
	go func() { result <- log.Append(t.Context(), sharedlog.Point{}, 1, []byte("record")) }()
	cluster.AwaitWaiting(t)
	cluster.Primary.Signal(t, syscall.SIGSTOP)
	for _, text := range strings.Fields(senders) { // so that the standbys receive nothing afterwards
		pid, _ := strconv.Atoi(text)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	for _, standby := range cluster.Standbys {
		standby.Signal(t, syscall.SIGCONT)
	}
	for range 16 { // more than there are connections: a request that has ended takes no place
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := log.Last(ctx); err == nil {
			t.Error("a suspended server has answered")
		}
		cancel()
	}
	old := cluster.Promote(t)
	defer old.Kill(t)
	select {
	case err := <-result:
		if err == nil || errors.Is(err, sharedlog.ErrConflict) {
			t.Errorf("Append to a suspended server returned %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Append waits for the old primary")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	records, err := log.Read(ctx, 1) // a standby may have received it
	if err == nil {
		last := sharedlog.Point{Index: uint64(len(records)), Chain: uint64(len(records))}
		err = log.Append(ctx, last, last.Chain+1, []byte("record"))
	}
	if err != nil {
		t.Error(err)
	}
}
