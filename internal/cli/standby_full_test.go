package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

// A standby that has reached --max-disk serves what it has, reports that it is full, and
// continues when the limit is raised.
func TestStandbyIsFullUntilItsLimitIsRaised(t *testing.T) {
	t.Parallel()
	dir, limit := t.TempDir(), filepath.Join(t.TempDir(), "limit")
	set := func(size string) {
		if err := os.WriteFile(limit, []byte(size+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("16MiB")
	server := start(t, "serve", "--db-path", filepath.Join(dir, "server"))
	appendOne(t, server.address, "first")
	standby := standbyOf(t, server.address, filepath.Join(dir, "standby"), "--max-disk-file", limit, "--metrics", "127.0.0.1:0")
	metrics := func() string {
		_, text := fetch(t, metricsURL(t, standby)+"/metrics")
		return text
	}
	status := func(flags ...string) string {
		_, stdout, _ := run(append([]string{"status", "--url", "http://" + standby.address}, flags...)...)
		return stdout
	}
	last := uint64(0)
	dial(t, server.address, func(c *client.Client) {
		for range 10 {
			var err error
			if last, err = c.Append(t.Context(), []dcb.Event{{Type: "T", Data: make([]byte, 2<<20)}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	await(t, "the standby is full", func() bool {
		return strings.Contains(standby.Output.String(), "the standby has stopped following its server: not enough disk space")
	})
	if head := headOf(standby.address); head == 0 || head >= last {
		t.Errorf("the standby has position %d", head)
	}
	if !strings.Contains(metrics(), "\numadb_standby_full 1\n") {
		t.Error("no metric shows that the standby is full")
	}
	if out := status(); !strings.Contains(out, ", stopped for lack of disk space, ") {
		t.Errorf("status: %s", out)
	}
	if out := status("--json"); !strings.Contains(out, `"full":true`) {
		t.Errorf("status: %s", out)
	}
	set("64MiB")
	standby.Signal(syscall.SIGHUP)
	awaitHead(t, standby.address, last)
	await(t, "a metric shows that the standby is not full", func() bool { return strings.Contains(metrics(), "\numadb_standby_full 0\n") })
	await(t, "the status shows that the standby is not full", func() bool {
		out := status("--json")
		return out != "" && !strings.Contains(out, `"full"`)
	})
	awaitOutput(t, standby.Process, "continues to follow")
}

// All that a full standby has received is durable, and visible to its readers.
func TestFullStandbyServesAllThatItHas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := start(t, "serve", "--db-path", filepath.Join(dir, "server"))
	dial(t, server.address, func(c *client.Client) {
		for range 100 {
			if _, err := c.Append(t.Context(), []dcb.Event{{Type: "T", Data: make([]byte, 256<<10)}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	full := func() (*process, uint64) {
		standby := standbyOf(t, server.address, filepath.Join(dir, "standby"), "--max-disk", "16MiB")
		await(t, "the standby is full", func() bool {
			return strings.Contains(standby.Output.String(), "the standby has stopped following its server: not enough disk space")
		})
		return standby, headOf(standby.address)
	}
	standby, head := full()
	if err := standby.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, after := full(); after != head {
		t.Errorf("the full standby served position %d, and %d after a restart", head, after)
	}
}
