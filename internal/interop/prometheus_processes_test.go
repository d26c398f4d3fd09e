package interop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// restart restarts a server, and waits until Prometheus has seen both processes.
func restart(t *testing.T, p *prometheus, server *monitored) {
	t.Helper()
	started := fmt.Sprintf("process_start_time_seconds{instance=%q}", server.name)
	before := p.mustFind(t, started, anyValue, "the server is not scraped")
	if err := server.process.Stop(); err != nil {
		t.Fatal(err)
	}
	server.start(t)
	p.mustFind(t, started, func(value string) bool { return value != before }, "the new server is not scraped")
}

func makeRestarts(t *testing.T, p *prometheus, s *scenario) {
	for range 3 {
		restart(t, p, s.server)
	}
	p.mustFire(t, s.server, s.alerts...)
	p.mustEnd(t, s.server, s.alerts...)
}

// makeIndexCorrupt changes all pages of the index of a running server that has none of them in
// memory. The server rebuilds the index, and then the alert ends.
func makeIndexCorrupt(t *testing.T, p *prometheus, s *scenario) {
	store, batch := s.server.dial(t), make([]dcb.Event, 1000)
	for i := range batch {
		batch[i] = dcb.Event{Type: "happened", Tags: []string{fmt.Sprint("tag", i)}}
	}
	blocks := func() []string {
		files, err := filepath.Glob(filepath.Join(s.server.dir, "index", "*.idx"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	await(t, func(ctx context.Context) bool {
		_, err := store.Append(ctx, batch, nil, nil)
		return err == nil && len(blocks()) > 0
	}, func() string { return "there is no index block" })
	restart(t, p, s.server)
	for _, name := range blocks() {
		corruptPages(t, name)
	}
	store = s.server.dial(t)
	stop := repeat(t, func(ctx context.Context) {
		_, _, _ = store.Read(ctx, dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"tag7"}}}}, dcb.ReadOptions{}).Collect()
	})
	p.mustFire(t, s.server, s.alerts...)
	stop()
	p.mustEnd(t, s.server, s.alerts...)
}

// corruptPages changes a byte in each page of an index block but the first, which is verified
// when the store is opened.
func corruptPages(t *testing.T, name string) {
	t.Helper()
	const page = 4096
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(page); at < info.Size(); at += page {
		changed := make([]byte, 1)
		if _, err := file.ReadAt(changed, at); err != nil {
			t.Fatal(err)
		}
		changed[0] ^= 1
		if _, err := file.WriteAt(changed, at); err != nil {
			t.Fatal(err)
		}
	}
}

// makeBackupTooOld makes a backup, waits, and makes another one.
func makeBackupTooOld(t *testing.T, p *prometheus, s *scenario) {
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "backup")
	backup := func() {
		t.Helper()
		if output, err := exec.Command(program, "backup", "--url", s.server.url, target).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
	}
	if _, err := s.server.dial(t).Append(t.Context(), []dcb.Event{{Type: "happened"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	p.mustFind(t, `umadb_rpcs_total{instance="copied",method="umadb.admin.v1.Admin/Groups"}`, anyValue, "the server is not scraped")
	backup()
	p.mustFire(t, s.server, s.alerts...)
	backup()
	p.mustEnd(t, s.server, s.alerts...)
}

// makeMemoryNearLimit appends events until their index in memory takes what the server may use,
// and then starts the server with a higher limit.
func makeMemoryNearLimit(t *testing.T, p *prometheus, s *scenario) {
	store, appended := s.server.dial(t), 0
	stop := repeat(t, func(ctx context.Context) {
		batch := make([]dcb.Event, 100)
		for i := range batch {
			appended++
			batch[i] = dcb.Event{Type: "happened", Tags: []string{fmt.Sprint("tag", appended), fmt.Sprint("other", appended)}}
		}
		_, _ = store.Append(ctx, batch, nil, nil)
	})
	p.mustFire(t, s.server, s.alerts...)
	stop()
	if err := s.server.process.Stop(); err != nil {
		t.Fatal(err)
	}
	s.server.flags = []string{"--memory-limit", "1GiB"}
	s.server.start(t)
	p.mustEnd(t, s.server, s.alerts...)
}

// primary is a server that a standby follows. It is not scraped.
type primary struct {
	dir, address, url string
	process           *servertest.Process
}

// startPrimary starts a primary with one event, which a new standby waits for.
func startPrimary(t *testing.T) *primary {
	t.Helper()
	address := servertest.Address(t)
	p := &primary{dir: filepath.Join(t.TempDir(), "uma.db"), address: address, url: "http://" + address}
	p.start(t)
	first := &monitored{url: p.url}
	if _, err := first.dial(t).Append(t.Context(), []dcb.Event{{Type: "happened"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// start starts the primary, also again.
func (p *primary) start(t *testing.T) {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	p.process, err = servertest.StartUmaDB(t.Context(), exec.Command(program, "--db-path", p.dir, "--listen", p.address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.process.Kill)
}

// makeStandbyLagging returns a scenario in which the primary of the standby is stopped.
func makeStandbyLagging(primary *primary) func(*testing.T, *prometheus, *scenario) {
	return func(t *testing.T, p *prometheus, s *scenario) {
		if err := primary.process.Stop(); err != nil {
			t.Fatal(err)
		}
		p.mustFire(t, s.server, s.alerts...)
		primary.start(t)
		p.mustEnd(t, s.server, s.alerts...)
	}
}
