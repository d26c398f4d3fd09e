package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The groups of another server may not be those of the shared log, so no command writes them into
// the directory of a replica.
func TestDirectoryOfAReplicaIsNoCopyOfAServer(t *testing.T) {
	e := createdEngine(t)
	other := e.join(t, filepath.Join(t.TempDir(), "other"))
	other.append(t, "1")
	stopped := e.join(t, filepath.Join(t.TempDir(), "stopped"))
	stopped.stop()
	other.append(t, "2")
	for _, args := range [][]string{
		{"serve", "--standby-of", other.url, "--listen", "127.0.0.1:0", "--db-path", stopped.dir},
		{"backup", "--url", other.url, stopped.dir},
		{"import", "--from", other.url, "--follow", "--db-path", stopped.dir},
	} {
		if t.Failed() {
			return // they would follow the server
		}
		before := files(t, stopped.dir)
		code, _, stderr := e.run(args...)
		if code == 0 || !strings.Contains(stderr, "umadb cluster detach") {
			t.Errorf("%v: exit code %d: %s", args, code, stderr)
		}
		if after := files(t, stopped.dir); after != before {
			t.Errorf("%v: the files of the directory were %s, and are %s", args, before, after)
		}
	}
}

// files returns the names of the files of a directory, and the contents of its log.
func files(t *testing.T, dir string) (content string) {
	t.Helper()
	for _, pattern := range []string{"*", "log/*"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, _ := os.ReadFile(name) // a directory has none
			content += filepath.Base(name) + " " + string(data) + "\n"
		}
	}
	return content
}
