package cli_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
)

// fillMany appends n events to a store, some with tracking, and tracking-only records.
func fillMany(t *testing.T, dir string, n int) {
	t.Helper()
	openStore(t, dir, func(s *store.Store) {
		for i := 0; i < n; i += 500 {
			events := make([]dcb.Event, min(500, n-i))
			for j := range events {
				events[j] = dcb.Event{
					Type: fmt.Sprint("T", j%7), Tags: []string{fmt.Sprint("n:", i+j), "all"},
					Data: fmt.Appendf(nil, `{"n":%d,"text":"%0100d"}`, i+j, i*j), Metadata: []dcb.Metadata{{Key: "k", Value: fmt.Sprint(j)}},
					UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i+j),
				}
			}
			var tracking *dcb.TrackingInfo
			if i%1000 == 0 {
				tracking = &dcb.TrackingInfo{Source: "web", Position: uint64(i)}
			}
			if _, err := s.Append(t.Context(), events, nil, tracking); err != nil {
				t.Fatal(err)
			}
			if i%1500 == 0 {
				if _, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "alone", Position: uint64(i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestImportContinuesAfterKill(t *testing.T) {
	const all = 80_000
	dir := filepath.Join(t.TempDir(), "source")
	fillMany(t, dir, all)
	file := filepath.Join(t.TempDir(), "events.ndjson.zst")
	export(t, "--db-path", dir, "--output", file)
	lines := export(t, "--db-path", dir)
	server := start(t, "serve", "--db-path", dir)
	tracking := []string{"--tracking-source", "web", "--tracking-source", "alone"}
	url := "http://" + server.address
	for name, source := range map[string]struct {
		args  []string
		begin func(t *testing.T, copied string) *servertest.Process // starts an import that receives only a part
	}{
		"file": {[]string{file}, func(t *testing.T, copied string) *servertest.Process {
			return spawn(t, firstHalf(t, file), "import", "--db-path", copied)
		}},
		"server": {append([]string{"--from", url}, tracking...), func(t *testing.T, copied string) *servertest.Process {
			from := "http://" + limitedProxy(t, server.address, int64(len(lines)/3))
			return spawn(t, nil, append([]string{"import", "--db-path", copied, "--from", from}, tracking...)...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "copy")
			for _, until := range []int{1, all / 16, all / 8} {
				importing := source.begin(t, copied)
				await(t, "some events", func() bool { return logContains(copied, fmt.Sprintf("n:%d\x12", until)) })
				importing.Kill()
				var head int
				_, stdout, stderr := run("head", "--db-path", copied)
				if _, err := fmt.Sscan(stdout, &head); err != nil || head >= all {
					t.Fatalf("killed too late, with %d events (%v): %s", head, err, stderr)
				}
				t.Logf("killed after event %d", head)
			}
			code, _, stderr := run(append([]string{"import", "--db-path", copied}, source.args...)...)
			if code != 0 {
				t.Fatal(stderr)
			}
			t.Log(stderr)
			got := export(t, "--db-path", copied)
			want := lines
			if name == "server" { // its tracking-only records come last
				want = export(t, append([]string{"--url", url}, tracking...)...)
			}
			if got != want {
				t.Errorf("the copy has %d bytes, the source %d, or they differ", len(got), len(want))
			}
			if code, _, stderr := run("check", "--db-path", copied); code != 0 {
				t.Error(stderr)
			}
		})
	}
}

// firstHalf returns a pipe with the first half of a file, which stays open until the end of
// the test.
func firstHalf(t *testing.T, name string) *os.File {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	go func() {
		writer.Write(content[:len(content)/2])
		<-t.Context().Done()
		writer.Close()
	}()
	return reader
}

// limitedProxy returns the address of a proxy for a server. It passes on a limited number of
// bytes from the server on each connection.
func limitedProxy(t *testing.T, server string, bytes int64) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				conn.Close()
				return
			}
			go io.CopyN(conn, upstream, bytes)
			go func() {
				io.Copy(upstream, conn)
				conn.Close()
				upstream.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// onlyEvents removes the tracking-only records from an export, and the end line, whose
// checksum covers them.
func onlyEvents(lines string) string {
	var kept strings.Builder
	for line := range strings.Lines(lines) {
		if !strings.HasPrefix(line, `{"tracking"`) && !strings.HasPrefix(line, `{"end"`) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestImportFollowsAcrossRestart(t *testing.T) {
	t.Parallel()
	source, copied, address := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy"), servertest.Address(t)
	fillMany(t, source, 3000)
	server := serveAt(t, address, source)
	appends := func(mark string, alone uint64) {
		dial(t, address, func(c *client.Client) {
			for i := range 20 {
				if _, err := c.Append(t.Context(), []dcb.Event{{Type: "Later", Data: fmt.Appendf(nil, "%s-%d.", mark, i)}}, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: mark, Position: alone}); err != nil {
				t.Fatal(err)
			}
		})
	}
	names := []string{"--tracking-source", "before", "--tracking-source", "between", "--tracking-source", "after", "--tracking-source", "alone"}
	following := spawn(t, nil, append([]string{"import", "--from", "http://" + address, "--follow", "--db-path", copied}, names...)...)
	appends("before", 1)
	await(t, "before", func() bool { return logContains(copied, "before-19.") && logContains(copied, "\x06before") })
	stop(t, server)
	server = serveAt(t, address, source)
	appends("between", 2)
	await(t, "between", func() bool { return logContains(copied, "between-19.") && logContains(copied, "\x07between") })
	server.Kill()
	awaitOutput(t, following, "retrying until") // the client's own retries have ended
	serveAt(t, address, source)
	appends("after", 3)
	await(t, "after", func() bool { return logContains(copied, "after-19.") && logContains(copied, "\x05after") })
	awaitOutput(t, following, "reachable again")
	following.Signal(os.Interrupt)
	if code := exit(t, following); code != 0 {
		t.Errorf("following ended with code %d", code)
	}
	for _, want := range []string{"retrying until", "reachable again", "0 existing events, imported 3060 events and "} {
		if !strings.Contains(following.Output.String(), want) {
			t.Errorf("standard error does not contain %q: %s", want, following.Output.String())
		}
	}
	want := export(t, append([]string{"--url", "http://" + address}, names...)...)
	if got := export(t, "--db-path", copied); onlyEvents(got) != onlyEvents(want) {
		t.Error("the copy differs from the server")
	}
	openStore(t, copied, func(s *store.Store) {
		for name, want := range map[string]uint64{"before": 1, "between": 2, "after": 3, "alone": 1500} {
			if got, _, err := s.GetTrackingInfo(t.Context(), name); err != nil || got != want {
				t.Errorf("tracking of %s is %d (%v), want %d", name, got, err, want)
			}
		}
	})
}

func TestImportThatFollowsDetectsAnotherStore(t *testing.T) {
	t.Parallel()
	web := &dcb.TrackingInfo{Source: "web"}
	other := func(events int) func([]dcb.SequencedEvent) []dcb.SequencedEvent {
		return func([]dcb.SequencedEvent) (all []dcb.SequencedEvent) {
			for i := range events {
				all = append(all, dcb.SequencedEvent{Position: uint64(i) + 1, Tracking: web})
			}
			return all
		}
	}
	alike := func(more int) func([]dcb.SequencedEvent) []dcb.SequencedEvent {
		return func(all []dcb.SequencedEvent) []dcb.SequencedEvent {
			all[0].Event.Type = "Other"
			for range more {
				all = append(all, dcb.SequencedEvent{Position: all[len(all)-2].Position + 1, Tracking: web})
			}
			return all
		}
	}
	for name, replace := range map[string]func([]dcb.SequencedEvent) []dcb.SequencedEvent{
		"shorter": other(5), "as long": other(10), "longer": other(1000),
		"as long, with the same last event": alike(0), "longer, with the same event there": alike(1),
		"the same, with less tracking": func(all []dcb.SequencedEvent) []dcb.SequencedEvent { return all[:10] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, address := t.TempDir(), servertest.Address(t)
			source, another, copied := filepath.Join(folder, "source"), filepath.Join(folder, "another"), filepath.Join(folder, "copy")
			fillMany(t, source, 10)
			openStore(t, source, func(s *store.Store) {
				openStore(t, another, func(to *store.Store) {
					if err := to.Restore(t.Context(), replace(allRecords(t, s))); err != nil {
						t.Fatal(err)
					}
				})
			})
			server := serveAt(t, address, source)
			following := spawn(t, nil, "import", "--from", "http://"+address, "--follow", "--tracking-source", "alone", "--db-path", copied)
			awaitOutput(t, following, "following until")
			stop(t, server)
			serveAt(t, address, another)
			code, text := exit(t, following), following.Output.String()
			if code != 3 || !strings.Contains(text, "the histories differ") || !strings.Contains(text, "added before the error was detected: 10 events") {
				t.Errorf("exit code %d: %s", code, text)
			}
			if got, want := onlyEvents(export(t, "--db-path", copied)), onlyEvents(export(t, "--db-path", source)); got != want {
				t.Error("the copy has changed")
			}
		})
	}
}

// allRecords returns all records of a store.
func allRecords(t *testing.T, s *store.Store) (all []dcb.SequencedEvent) {
	t.Helper()
	for r, err := range s.Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// Each round compares the last event again, which must not be counted twice.
func TestImportThatFollowsCountsEventsOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source, copied := filepath.Join(folder, "source"), filepath.Join(folder, "copy")
	fillMany(t, source, 1)
	url := serveWithoutAdmin(t, source) // so that events are compared
	address := strings.TrimPrefix(url, "http://")
	following := spawn(t, nil, "import", "--from", url, "--follow", "--tracking-source", "later", "--db-path", copied)
	await(t, "the copy", func() bool { return logContains(copied, "n:0") })
	dial(t, address, func(c *client.Client) {
		if _, err := c.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "later", Position: 1}); err != nil {
			t.Fatal(err)
		}
	})
	await(t, "another round", func() bool { return logContains(copied, "later") })
	following.Signal(os.Interrupt)
	exit(t, following)
	if text := following.Output.String(); !strings.Contains(text, "umadb: 0 existing events, imported 1 event and 1 tracking position") {
		t.Errorf("standard error: %s", text)
	}
}

func TestSignalEndsImport(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "copy")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	importing := spawn(t, reader, "import", "--db-path", copied)
	reader.Close()
	out := bufio.NewWriter(writer)
	for i := range 10_000 {
		fmt.Fprintf(out, "{\"position\":%d}\n", i+1)
	}
	out.Flush()
	await(t, "a batch", func() bool { return logContains(copied, "\x0a\x05\x08\x80\x20\x12\x00") }) // the record of position 4096
	start := time.Now()
	importing.Signal(syscall.SIGTERM)
	code, text := exit(t, importing), importing.Output.String()
	if took := time.Since(start); took > 15*time.Second { // of the patience of exit
		t.Errorf("it took %v to end", took)
	}
	wantError(t, code, text, 1, "interrupted", "imported and durable")
}
