package pgtest

import (
	"os"
	"slices"
	"testing"
	"time"
)

// Failover ends the primary, promotes the standby that has received most, and lets the other
// standbys follow it. The old primary remains off: it may have records that no other has.
func (c *Cluster) Failover(t testing.TB) {
	t.Helper()
	c.Primary.Crash(t)
	c.Promote(t)
}

// slow is the duration of a promotion that is logged.
const slow = 5 * time.Second

// Promote is Failover for a primary that the caller has ended or isolated. No standby may
// receive from it: if it is not off, the routes to it must be cut. All standbys must run. It
// returns the old primary.
func (c *Cluster) Promote(t testing.TB) (old *Server) {
	t.Helper()
	started := time.Now()
	best, most := 0, ""
	for i, s := range c.Standbys {
		c.Await(t, func() bool {
			return s.Exec(t, "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") == "0"
		})
		received := s.Exec(t, "SELECT lpad(pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::text, 20, '0')")
		if received > most {
			best, most = i, received
		}
	}
	promoted, detached := c.Standbys[best], time.Now()
	if ok := promoted.Exec(t, "SELECT pg_promote(true, 60)"); ok != "t" {
		t.Fatalf("server %s was not promoted", promoted.name)
	}
	c.Standbys = slices.Delete(c.Standbys, best, best+1)
	old, c.Primary = c.Primary, promoted
	ended := time.Now()
	c.Pause(t)
	c.Resume(t)
	if now := time.Now(); now.Sub(started) > slow {
		t.Logf("a promotion took %v: %v until no standby received, %v until the promotion, %v until the others followed",
			now.Sub(started), detached.Sub(started), ended.Sub(detached), now.Sub(ended))
	}
	return old
}

// Rejoin makes a server that is off a standby, with a new copy of the data of the primary.
func (c *Cluster) Rejoin(t testing.TB, s *Server) {
	t.Helper()
	if err := os.RemoveAll(s.data()); err != nil {
		t.Fatal(err)
	}
	c.copyPrimary(t, s)
	c.Standbys = append(c.Standbys, s)
	c.follow(t, s)
}
