package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
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
