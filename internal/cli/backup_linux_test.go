package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
)

// A backup that cannot write the copy does not report as durable what it has written and not
// synced.
func TestFailedBackupReportsWhatIsDurable(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy")
	openStore(t, dir, func(s *store.Store) {
		for range 8 {
			if _, err := s.Append(t.Context(), []dcb.Event{{Data: make([]byte, 1<<20)}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	const limit = "ulimit -f 8192; exec \"$0\" \"$@\"" // 4 or 8 MiB, as the shell counts
	cmd := exec.Command("sh", "-c", limit, os.Args[0], "backup", "--db-path", dir, copied)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the copy is durable up to position 0;") {
		t.Errorf("%v: %s", err, out)
	}
	mustRun(t, "backup", "--db-path", dir, copied)
}

// Neither does an import, although the source follows its server.
func TestFailedImportReportsWhatIsDurable(t *testing.T) {
	t.Parallel()
	copied := filepath.Join(t.TempDir(), "copy")
	server := start(t, "serve", "--db-path", filepath.Join(t.TempDir(), "source"))
	dial(t, server.address, func(c *client.Client) {
		for range 8 {
			if _, err := c.Append(t.Context(), []dcb.Event{{Data: make([]byte, 1<<20)}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	const limit = "ulimit -f 8192; exec \"$0\" \"$@\"" // 4 or 8 MiB, as the shell counts
	cmd := exec.Command("sh", "-c", limit, os.Args[0], "import", "--from", "http://"+server.address, "--follow", "--db-path", copied)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.CombinedOutput()
	reported, found := uint64(0), regexp.MustCompile(`durable: (\d+) events?;`).FindSubmatch(out)
	if found != nil {
		reported, _ = strconv.ParseUint(string(found[1]), 10, 64)
	}
	openStore(t, copied, func(s *store.Store) {
		if head := mustHead(t, s); err == nil || head == 8 || head < reported {
			t.Errorf("%v; the copy ends at position %d: %s", err, head, out)
		}
	})
}
