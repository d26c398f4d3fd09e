package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// entry is a group in the JSON output of cluster verify and cluster repair.
type entry struct {
	Group, Position uint64
	Events          int
	Time            time.Time
}

// difference is a difference in the JSON output of cluster verify and cluster repair.
type difference struct {
	From      uint64
	Exact     bool
	Log, Copy *entry
}

// verified is the JSON output of cluster verify.
type verified struct {
	OK          bool
	First, Last uint64
	Servers     []compared
	Directory   *compared
}

type compared struct {
	Address    string
	Applied    uint64
	Result     string
	Equal      uint64 `json:"equal_to"`
	Difference *difference
	Error      string
}

// cut returns an engine whose log has the same origin and only the first records.
func (e *fakeEngine) cut(t *testing.T, records int) *fakeEngine {
	t.Helper()
	return e.copy(t, records, func(record []byte) []byte { return record })
}

// copy returns an engine whose log has the same origin and the first records, changed.
func (e *fakeEngine) copy(t *testing.T, records int, change func([]byte) []byte) *fakeEngine {
	t.Helper()
	origin, all := e.History()
	short := newFakeEngine()
	log := short.Connect()
	if _, err := log.Create(t.Context(), origin); err != nil {
		t.Fatal(err)
	}
	after := origin.Point
	for _, r := range all[:records] {
		_, group, err := sharedlog.Decode(r.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		g, err := eventlog.ReceivedGroup(nil, group)
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Append(t.Context(), after, g.Chain, change(bytes.Clone(r.Bytes))); err != nil {
			t.Fatal(err)
		}
		after = sharedlog.Point(g.Tail().ID())
	}
	return short
}

// report reports a server to the log.
func (e *fakeEngine) report(t *testing.T, address string, applied uint64) {
	t.Helper()
	id := sharedlog.ID{1}
	copy(id[1:], address[max(0, len(address)-14):])
	if err := e.Connect().Report(t.Context(), sharedlog.Replica{ID: id, Address: address, Applied: applied}); err != nil {
		t.Fatal(err)
	}
}

// created returns an engine with a log.
func createdEngine(t *testing.T) *fakeEngine {
	t.Helper()
	e := newFakeEngine()
	if code, _, stderr := e.run("cluster", "create", "--log", fakeURL); code != 0 {
		t.Fatal(stderr)
	}
	return e
}

func TestClusterVerify(t *testing.T) {
	e := createdEngine(t)
	var v verified
	e.cluster(t, 5, &v, "verify", "--log", fakeURL)
	code, _, stderr := e.run("cluster", "verify", "--log", fakeURL)
	wantError(t, code, stderr, 5, "no server has reported to the shared log; start the servers")

	a, b := e.join(t, t.TempDir()), e.join(t, t.TempDir())
	for range 5 {
		a.append(t, "a")
		b.append(t, "b")
	}
	e.awaitReports(t, 2)
	if e.cluster(t, 0, &v, "verify", "--log", fakeURL); !v.OK || v.First != 1 || v.Last != 10 || len(v.Servers) != 2 {
		t.Errorf("verified %+v", v)
	}
	for _, s := range v.Servers {
		if s.Result != "equal" || s.Equal != 10 || s.Applied != 10 || s.Address != a.url && s.Address != b.url {
			t.Errorf("verified %+v", s)
		}
	}
	_, text, _ := e.run("cluster", "verify", "--log", fakeURL)
	for _, want := range []string{"with groups 1 to 10\n", "SERVER", a.url, "equal up to group 10"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report is %q, without %q", text, want)
		}
	}

	// Servers that cannot be compared are named.
	e.report(t, "", 10)
	closed := "http://" + servertest.Address(t)
	e.report(t, closed, 10)
	code, text, stderr = e.run("cluster", "verify", "--log", fakeURL)
	wantError(t, code, stderr, 5, "not all copies were compared")
	for _, want := range []string{"not compared: transport error: the server was started without --advertise", closed + "  10       not compared:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report is %q, without %q", text, want)
		}
	}

	// A log that has lost its end, one that has another end, and one that was trimmed since.
	lost := e.cut(t, 7)
	lost.report(t, a.url, 10)
	if lost.cluster(t, 6, &v, "verify", "--log", fakeURL); v.OK || v.Last != 7 || len(v.Servers) != 1 || v.Servers[0].Result != "ahead" || v.Servers[0].Equal != 7 {
		t.Errorf("a log that has lost its end: %+v", v)
	}
	lost.report(t, a.url, 10)
	code, _, stderr = lost.run("cluster", "verify", "--log", fakeURL)
	wantError(t, code, stderr, 6, "the shared log has lost commits; see umadb cluster repair")
	forked := e.cut(t, 6)
	c := forked.join(t, t.TempDir())
	for range 3 {
		c.append(t, "c")
	}
	forked.report(t, a.url, 12) // more than it has
	forked.awaitReports(t, 2)
	forked.report(t, a.url, 12) // again, like below: a report expires
	v = verified{}
	forked.cluster(t, 6, &v, "verify", "--log", fakeURL)
	at := slices.IndexFunc(v.Servers, func(s compared) bool { return s.Address == a.url })
	if at < 0 || v.Servers[1-at].Result != "equal" || v.Servers[at].Result != "different" {
		t.Fatalf("a log with another end: %+v", v)
	}
	if d := v.Servers[at].Difference; d == nil || d.From != 7 || !d.Exact || d.Log.Group != 7 || d.Copy.Position != 7 || d.Copy.Events != 1 || !d.Log.Time.After(d.Copy.Time) {
		t.Errorf("the difference is %+v", d)
	}
	forked.report(t, a.url, 12)
	code, text, stderr = forked.run("cluster", "verify", "--log", fakeURL)
	wantError(t, code, stderr, 6, "the histories differ; stop the servers that differ, and choose the history that is right")
	if !strings.Contains(text, "server "+a.url+" differs from group 7 on\n  shared log: group 7 with 1 event from position 7, committed at 2") {
		t.Errorf("the report is %q", text)
	}
	if err := forked.Connect().Trim(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	forked.report(t, a.url, 12)
	if _, text, _ = forked.run("cluster", "verify", "--log", fakeURL); !strings.Contains(text, "differs from group 9 or before on\n") {
		t.Errorf("the report is %q", text)
	}

	// The directory of a server that is stopped.
	code, _, stderr = e.run("cluster", "verify", "--log", fakeURL, "--db-path", a.dir)
	wantError(t, code, stderr, 1, "locked by")
	code, _, stderr = e.run("cluster", "verify", "--log", fakeURL, "--db-path", a.dir+"x")
	wantError(t, code, stderr, 1, "there is no store in "+a.dir+"x; set its directory with --db-path")
	code, _, stderr = e.run("cluster", "verify", "--log", fakeURL, "--db-path", "")
	wantError(t, code, stderr, 2, "--db-path is empty")
	a.stop()
	for what, w := range map[string]struct {
		log    *fakeEngine
		code   int
		result string
		equal  uint64
	}{"equal": {e.cut(t, 10), 0, "equal", 10}, "lost": {lost, 6, "ahead", 7}, "forked": {forked, 6, "different", 0}} {
		v = verified{}
		w.log.cluster(t, w.code, &v, "verify", "--log", fakeURL, "--db-path", a.dir)
		if v.Directory == nil || v.Directory.Result != w.result || v.Directory.Equal != w.equal {
			t.Errorf("%s: the directory is %+v", what, v.Directory)
		}
	}
	e.report(t, "", 10)
	e.report(t, closed, 10)
	v = verified{}
	e.cluster(t, 5, &v, "verify", "--log", fakeURL, "--db-path", a.dir)
	if slices.ContainsFunc(v.Servers, func(s compared) bool { return s.Address == a.url }) || len(v.Servers) != 3 || v.Directory.Result != "equal" {
		t.Errorf("the directory of a server that has reported: %+v", v)
	}
	corrupt := e.copy(t, 10, func(record []byte) []byte {
		record[len(record)-1] ^= 1
		return record
	})
	code, text, stderr = corrupt.run("cluster", "verify", "--log", fakeURL, "--db-path", a.dir)
	wantError(t, code, stderr, 6, "not all copies were compared with the shared log")
	if !strings.Contains(text, a.dir+", up to group 10: not compared: corruption detected: group 1 of the shared log is corrupt") {
		t.Errorf("the report is %q", text)
	}
	code, _, stderr = createdEngine(t).run("cluster", "verify", "--log", fakeURL, "--db-path", a.dir)
	wantError(t, code, stderr, 1, "belongs to the shared log")
	e.SetDown(true)
	code, _, stderr = e.run("cluster", "verify", "--log", fakeURL)
	wantError(t, code, stderr, 5, "the fake engine is down")
}

// A server that requires a key refuses requests without one.
func TestClusterVerifyWithKeys(t *testing.T) {
	e, key := createdEngine(t), "umadb:example-api-key-4f7c2b1d9e5f4a038c1a"
	files, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "serve", "--db-path", filepath.Join(t.TempDir(), "other"), "--api-key", key, "--tls-cert", files.Cert, "--tls-key", files.Key)
	e.report(t, "https://"+s.address, 0)
	for _, c := range []struct {
		flags []string
		code  int
		text  string
	}{
		{nil, 5, "to trust the certificate, name the file of its CA with --ca"},
		{[]string{"--ca", files.CA}, 4, "authentication error"},
		{[]string{"--ca", files.CA, "--api-key", key}, 0, ""},
	} {
		var v verified
		e.cluster(t, c.code, &v, append([]string{"verify", "--log", fakeURL}, c.flags...)...)
		if len(v.Servers) != 1 || !strings.Contains(v.Servers[0].Error, c.text) || (v.Servers[0].Result == "equal") != (c.code == 0) {
			t.Errorf("verified %+v", v)
		}
	}
}

// repaired is the JSON output of cluster repair.
type repaired struct {
	OK       bool
	Last     uint64
	Lost     struct{ Groups, Events uint64 }
	Appended uint64

	Difference *difference
}

func TestClusterRepair(t *testing.T) {
	e, dir := createdEngine(t), filepath.Join(t.TempDir(), "uma.db")
	a := e.join(t, dir)
	for range 10 {
		a.append(t, "a")
	}
	repair := []string{"repair", "--log", fakeURL, "--db-path", dir}
	inCluster := func(more ...string) []string { return append([]string{"cluster"}, append(repair, more...)...) }
	code, _, stderr := e.run(inCluster()...)
	wantError(t, code, stderr, 1, "locked by")
	a.stop()
	var r repaired
	if e.cluster(t, 0, &r, repair...); !r.OK || r.Lost.Groups != 0 {
		t.Errorf("a log that has lost nothing: %+v", r)
	}
	if code, text, _ := e.run(inCluster("--append")...); code != 0 || text != "the shared log has all commits of "+dir+"\n" {
		t.Errorf("a log that has lost nothing: %q", text)
	}

	lost := e.cut(t, 4)
	if lost.cluster(t, 6, &r, repair...); r.OK || r.Last != 4 || r.Lost.Groups != 6 || r.Lost.Events != 6 || r.Appended != 0 {
		t.Errorf("repaired %+v", r)
	}
	code, text, stderr := lost.run(inCluster()...)
	wantError(t, code, stderr, 6, "the shared log has lost commits")
	want := `nothing was changed; to append them: umadb cluster repair --log "` + fakeURL + `" --db-path "` + dir + `" --append` + "\n"
	if !strings.HasPrefix(text, "the shared log ends with group 4, and has lost 6 groups with 6 events of "+dir+", from position 5 on, committed from 2") || !strings.HasSuffix(text, want) {
		t.Errorf("the report is %q", text)
	}
	if _, records := lost.History(); len(records) != 4 {
		t.Fatalf("the log has %d records without --append", len(records))
	}
	lost.report(t, "http://127.0.0.1:1", 12)
	code, _, stderr = lost.run(inCluster("--append")...)
	wantError(t, code, stderr, 2, "the directory ends with group 10, and the server http://127.0.0.1:1 has group 12: stop that server, and use its directory")

	lost = e.cut(t, 4)
	if code, text, stderr := lost.run(inCluster("--append")...); code != 0 || !strings.HasSuffix(text, "appended 6 groups; start the servers again\n") {
		t.Errorf("exit code %d, %q, %s", code, text, stderr)
	}
	lost.cluster(t, 0, &r, repair...)
	b := lost.join(t, dir)
	b.append(t, "b")
	if head, err := b.Head(t.Context()); head != 11 || err != nil {
		t.Errorf("the head is %d, %v", head, err)
	}
	b.stop()

	// Another server has appended to a log that has lost its end.
	forked := e.cut(t, 4)
	c := forked.join(t, t.TempDir())
	c.append(t, "c")
	r = repaired{}
	forked.cluster(t, 6, &r, append(repair, "--append")...)
	if d := r.Difference; d == nil || d.From != 5 || !d.Exact || d.Log.Position != 5 || d.Copy.Group != 5 {
		t.Errorf("repaired %+v", r)
	}
	code, text, stderr = forked.run(inCluster("--append")...)
	wantError(t, code, stderr, 6, "the histories differ, so nothing can be appended; choose one")
	if !strings.HasPrefix(text, dir+" differs from group 5 on\n  shared log: group 5 with 1 event from position 5, committed at 2") {
		t.Errorf("the report is %q", text)
	}
	if _, records := forked.History(); len(records) != 5 {
		t.Errorf("the log has %d records", len(records))
	}

	code, _, stderr = createdEngine(t).run(inCluster()...)
	wantError(t, code, stderr, 1, "belongs to the shared log")
	code, _, stderr = newFakeEngine().run(inCluster()...)
	wantError(t, code, stderr, 2, "there is no shared log: check its URL, or make it with umadb cluster create")
	mark := filepath.Join(dir, "SHARED")
	sound, err := os.ReadFile(mark)
	if err == nil {
		err = os.WriteFile(mark, sound[:20], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr = e.run(inCluster()...)
	wantError(t, code, stderr, 6, "the file SHARED of "+dir+" is corrupt")
	if code, _, stderr := e.run("cluster", "detach", "--db-path", dir); code != 0 {
		t.Fatal(stderr)
	}
	code, _, stderr = e.run(inCluster()...)
	wantError(t, code, stderr, 2, dir+" is not the directory of a server of the shared log")
}
