package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// A standby is one of the servers of a URL: appends go to the server that accepts them, and can be
// read at both.
func TestURLOfSeveralServers(t *testing.T) {
	server := start(t, "serve", "--db-path", filepath.Join(t.TempDir(), "server"))
	appendOne(t, server.address, "first")
	standby := standbyOf(t, server.address, filepath.Join(t.TempDir(), "standby"))
	awaitHead(t, standby.address, 1)
	unused := servertest.Address(t)
	all := strings.Join([]string{unused, standby.address, server.address}, ",")

	c := dialTo(t, all)
	for want := uint64(2); want <= 20; want++ {
		position, err := c.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil)
		if err != nil || position != want {
			t.Fatalf("append: %d, %v, want position %d", position, err, want)
		}
		for range 2 { // at both servers
			if head, err := c.Head(t.Context()); err != nil || head != want {
				t.Fatalf("head: %d, %v, after position %d", head, err, want)
			}
		}
	}
	awaitHead(t, standby.address, 20)
	for _, args := range [][]string{{"append", "--url", "http://" + all, "--type", "T"}, {"read", "--url", "umadb://" + all}, {"head", "--url", "http://" + all}} {
		if code, stdout, stderr := run(args...); code != 0 || stderr != "" || stdout == "" {
			t.Errorf("%s: %d, %s, %s", args[0], code, stdout, stderr)
		}
	}
	for _, args := range [][]string{
		{"status", "--url", "http://" + all},
		{"health", "--url", "http://" + all},
		{"backup", "--url", "http://" + all, filepath.Join(t.TempDir(), "copy")},
		{"import", "--from", "http://" + all, "--db-path", filepath.Join(t.TempDir(), "copy")},
		{"serve", "--standby-of", "http://" + all, "--db-path", filepath.Join(t.TempDir(), "copy")},
	} {
		if code, _, stderr := run(args...); code != 2 || !strings.Contains(stderr, "it contains several servers, and only one can be used here") {
			t.Errorf("%s: %d, %s", args[0], code, stderr)
		}
	}
	awaitHead(t, standby.address, 21) // the event of the command line
	server.Kill()
	if code, stdout, stderr := run("head", "--url", "http://"+all); code != 0 || !strings.Contains(stdout, "21") {
		t.Errorf("head of the standby: %d, %s, %s", code, stdout, stderr)
	}
	code, _, stderr := run("append", "--url", "http://"+all, "--type", "T")
	for _, part := range []string{"no server of 3 can be used", unused + ": connection refused", standby.address + ": this server is a standby of http://" + server.address, server.address + ": connection refused", "nothing was appended"} {
		if !strings.Contains(stderr, part) {
			t.Errorf("append without a server: %d, %s lacks %q", code, stderr, part)
		}
	}
}
