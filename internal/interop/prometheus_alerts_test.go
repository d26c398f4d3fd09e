package interop_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// scenario makes the conditions of some alerts for real, and ends them.
type scenario struct {
	server *monitored
	alerts []string
	run    func(*testing.T, *prometheus, *scenario)
}

// TestPrometheus runs a Prometheus with the rules, and servers for which each alert fires when
// its condition is made, not before, and ends after it. It also checks that each query of the
// dashboard returns data.
func TestPrometheus(t *testing.T) {
	prometheusProgram(t, "prometheus") // before anything is started
	dir := t.TempDir()
	limit := filepath.Join(dir, "limit")
	mustWrite(t, limit, "32MiB\n")
	files := writeCertificate(t, dir, 100*24*time.Hour)
	expired := newMonitored(t, "expired", "--tls-cert", files.Cert, "--tls-key", files.Key, "--api-key", "secret")
	expired.ca = files.CA
	primary := startPrimary(t)
	shared := newShared(t, "shared")
	scenarios := []*scenario{
		{newMonitored(t, "down"), []string{"UmaDBDown critical"}, makeDown},
		{newMonitored(t, "failed"), []string{"UmaDBStoreFailed critical"}, makeFailed},
		{newMonitored(t, "restarts"), []string{"UmaDBRestarts critical"}, makeRestarts},
		{newMonitored(t, "full", "--max-disk-file", limit), []string{"UmaDBDiskFullSoon warning", "UmaDBDiskFullSoon critical",
			"UmaDBDiskNearlyFull warning", "UmaDBDiskNearlyFull critical", "UmaDBAppendsRefused critical", "UmaDBManyErrors warning"}, makeFull(limit)},
		{newMonitored(t, "corrupt"), []string{"UmaDBLogCorrupt critical"}, makeCorrupt},
		{expired, []string{"UmaDBCertificateExpiresSoon warning", "UmaDBCertificateExpiresSoon critical",
			"UmaDBClientsNotAuthorized warning"}, makeExpired(dir)},
		{newMonitored(t, "busy", "--max-connections", "8"), []string{"UmaDBManyConflicts info", "UmaDBSubscriptionLagging warning",
			"UmaDBCallsRefused warning"}, makeBusy(shared)},
		{shared, nil, func(*testing.T, *prometheus, *scenario) {}}, // for the dashboard
		{newMonitored(t, "index"), []string{"UmaDBIndexCorrupt warning"}, makeIndexCorrupt},
		{newMonitored(t, "copied"), []string{"UmaDBBackupTooOld warning"}, makeBackupTooOld},
		{newMonitored(t, "memory", "--memory-limit", "16MiB"), []string{"UmaDBMemoryNearLimit warning"}, makeMemoryNearLimit},
		{newMonitored(t, "standby", "--standby-of", primary.url), []string{"UmaDBStandbyLagging warning"}, makeStandbyLagging(primary)},
		{newShared(t, "unreachable"), []string{"UmaDBSharedLogUnreachable critical"}, makeUnreachable},
		{newShared(t, "halted"), []string{"UmaDBSharedLogHalted critical"}, makeHalted},
		{newShared(t, "lagging"), []string{"UmaDBSharedLogLagging warning"}, makeSharedLogLagging},
		{newShared(t, "racing"), []string{"UmaDBSharedLogRaces warning"}, makeRaces},
		{newFaulty(t, "stalled"), []string{"UmaDBAppendsStalled critical"}, makeStalled},
		{newFaulty(t, "slow"), []string{"UmaDBSlowSync warning"}, makeSlow},
		{newFaulty(t, "backlog"), []string{"UmaDBIndexBacklog warning"}, makeBacklog},
		{newFaulty(t, "unwritable"), []string{"UmaDBIndexFlushFailing warning"}, makeFlushFailing},
	}
	servers, made := make(map[string]*monitored), []string{}
	for _, s := range scenarios {
		s.server.start(t)
		servers[s.server.name] = s.server
		made = append(made, s.alerts...)
	}
	for _, r := range readRules(t, readDocument(t, alertRules)) {
		name := r.Alert + " " + r.Labels["severity"]
		if r.Alert != "" && !slices.Contains(made, name) {
			t.Errorf("no scenario makes %s fire", name)
		}
	}
	p := startPrometheus(t, servers)
	for _, s := range scenarios {
		t.Run(s.server.name, func(t *testing.T) {
			t.Parallel()
			p.mustFind(t, fmt.Sprintf("up{instance=%q} == 1", s.server.name), anyValue, "the server is not scraped")
			p.mustEnd(t, s.server, s.alerts...) // they do not fire before
			s.run(t, p, s)
		})
	}
}

func makeDown(t *testing.T, p *prometheus, s *scenario) {
	if err := s.server.process.Stop(); err != nil {
		t.Fatal(err)
	}
	p.mustFire(t, s.server, s.alerts...)
	s.server.start(t)
	p.mustEnd(t, s.server, s.alerts...)
}

func makeFailed(t *testing.T, p *prometheus, s *scenario) {
	away := s.server.dir + ".away"
	if err := os.Rename(s.server.dir, away); err != nil {
		t.Fatal(err)
	}
	p.mustFire(t, s.server, s.alerts...)
	s.server.process.Kill()
	if err := os.Rename(away, s.server.dir); err != nil {
		t.Fatal(err)
	}
	s.server.start(t)
	p.mustEnd(t, s.server, s.alerts...)
}

// makeFull returns a scenario in which the store reaches the limit in a file.
func makeFull(limit string) func(*testing.T, *prometheus, *scenario) {
	return func(t *testing.T, p *prometheus, s *scenario) {
		store := s.server.dial(t)
		stop := repeat(t, func(ctx context.Context) {
			_, _ = store.Append(ctx, []dcb.Event{{Type: "large", Data: make([]byte, 256<<10)}}, nil, nil) // fails when the limit is reached
		})
		p.mustFire(t, s.server, s.alerts...)
		stop()
		mustWrite(t, limit, "1GiB\n")
		p.mustEnd(t, s.server, s.alerts...)
	}
}

// makeCorrupt changes the log of a running server that has none of it in memory.
func makeCorrupt(t *testing.T, p *prometheus, s *scenario) {
	store := s.server.dial(t)
	for range 3 {
		if _, err := store.Append(t.Context(), []dcb.Event{{Type: "a", Data: []byte(strings.Repeat("data ", 1000))}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.server.process.Kill()
	s.server.start(t)
	store = s.server.dial(t)
	segments, err := filepath.Glob(filepath.Join(s.server.dir, "log", "*.log"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	log, err := os.OpenFile(segments[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteAt([]byte("X"), 7000); err != nil {
		t.Fatal(err)
	}
	stop := repeat(t, func(ctx context.Context) { _, _, _ = store.Read(ctx, dcb.Query{}, dcb.ReadOptions{}).Collect() })
	p.mustFire(t, s.server, s.alerts...)
	stop()
	p.mustEnd(t, s.server, s.alerts...)
}

// writeCertificate writes a certificate that expires after some time.
func writeCertificate(t *testing.T, dir string, after time.Duration) servertest.Certificate {
	t.Helper()
	files, err := servertest.WriteCertificateValid(dir, time.Now().Add(-time.Hour), time.Now().Add(after))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// makeExpired returns a scenario in which the certificate in a directory expires soon, and
// clients have a wrong key.
func makeExpired(dir string) func(*testing.T, *prometheus, *scenario) {
	return func(t *testing.T, p *prometheus, s *scenario) {
		writeCertificate(t, dir, 12*time.Hour)
		stop := repeat(t, func(ctx context.Context) {
			store, err := client.Dial(s.server.url, &client.Options{CAFile: s.server.ca, APIKey: "wrong", FailFast: true})
			if err != nil {
				return
			}
			_, _ = store.Head(ctx)
			store.Close()
		})
		p.mustFire(t, s.server, s.alerts...)
		stop()
		writeCertificate(t, dir, 100*24*time.Hour)
		p.mustEnd(t, s.server, s.alerts...)
	}
}

// makeBusy returns a scenario that uses the server in every way that the dashboard shows, and more
// than it should be used, and beside it one with a shared log.
func makeBusy(shared *monitored) func(*testing.T, *prometheus, *scenario) {
	return func(t *testing.T, p *prometheus, s *scenario) {
		keepAppending(t, shared)
		reader := shared.dial(t)
		repeat(t, func(ctx context.Context) { _, _ = reader.Head(ctx) })
		makeServerBusy(t, p, s)
	}
}

func makeServerBusy(t *testing.T, p *prometheus, s *scenario) {
	store := s.server.dial(t)
	batch := make([]dcb.Event, 1000)
	for i := range batch {
		batch[i] = dcb.Event{Type: "many", Tags: []string{"a"}, Data: make([]byte, 1000)}
	}
	// The client does not read its first message until the alert fires.
	lagging, endLagging := context.WithCancel(t.Context())
	defer endLagging()
	received := make(chan struct{})
	go func() {
		defer close(received)
		for range store.Subscribe(lagging, dcb.Query{}, 0) {
			<-lagging.Done()
		}
	}()
	for range 30 {
		if _, err := store.Append(t.Context(), batch, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	p.mustFire(t, s.server, "UmaDBSubscriptionLagging warning")
	endLagging()
	<-received

	stop := []func(){
		repeat(t, func(ctx context.Context) { // conflicts, since there are events
			_, _ = store.Append(ctx, batch[:1], &dcb.AppendCondition{}, nil)
			_, _ = store.Append(ctx, batch[:1], nil, nil)
		}),
		repeat(t, func(ctx context.Context) {
			few := uint32(10)
			_, _, _ = store.Read(ctx, dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"a"}}}}, dcb.ReadOptions{Limit: &few}).Collect()
		}),
		repeat(t, func(ctx context.Context) {
			head, _ := store.Head(ctx)
			for range store.Subscribe(ctx, dcb.Query{}, head) {
			}
		}),
		repeat(t, func(context.Context) { // more connections than are permitted
			var connections []net.Conn
			for range 10 {
				if c, err := net.Dial("tcp", strings.TrimPrefix(s.server.url, "http://")); err == nil {
					connections = append(connections, c)
				}
			}
			for _, c := range connections {
				c.Close()
			}
		}),
	}
	p.mustFire(t, s.server, "UmaDBManyConflicts info", "UmaDBCallsRefused warning")
	p.mustHaveData(t)
	for _, stop := range stop {
		stop()
	}
	p.mustEnd(t, s.server, s.alerts...)
}

func mustWrite(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
