package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
)

// corruptStore returns the directories of a store with a corrupt log, and of a valid copy.
func corruptStore(t *testing.T) (dir, copied string) {
	t.Helper()
	root := t.TempDir()
	dir, copied = filepath.Join(root, "uma.db"), filepath.Join(root, "copy.db")
	for i := range 3 {
		if code, _, stderr := run("append", "--db-path", dir, "--type", fmt.Sprint("T", i)); code != 0 {
			t.Fatal(stderr)
		}
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "log", "00000000000000000001.log")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[150]++
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, copied
}

func TestRepairShowsWhatItCouldDo(t *testing.T) {
	dir, _ := corruptStore(t)
	code, stdout, stderr := run("repair", "--db-path", dir)
	for _, want := range []string{"corrupt", "00000000000000000001.log, bytes 80 to", "nothing was changed", "--from COPY", "--truncate-tail --discard-events 3"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in %s", want, stdout)
		}
	}
	if code != 6 {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if code, _, stderr := run("repair", "--db-path", dir, "--truncate-tail", "--discard-events", "2"); code != 1 || !strings.Contains(stderr, "exactly 3") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if code, stdout, stderr := run("repair", "--db-path", dir, "--truncate-tail", "--discard-events", "3"); code != 0 || !strings.Contains(stdout, "no problem found") {
		t.Errorf("exit code %d, %s %s", code, stdout, stderr)
	}
}

func TestRepairFromCopyPrintsJSON(t *testing.T) {
	dir, copied := corruptStore(t)
	code, stdout, stderr := run("repair", "--db-path", dir, "--from", copied, "--json")
	var result struct {
		OK    bool
		Steps []struct{ Step, File string }
		Check struct{ Events int }
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 || !result.OK || len(result.Steps) != 3 || result.Check.Events != 3 {
		t.Errorf("exit code %d: %s %s %v", code, stdout, stderr, err)
	}
	if code, stdout, stderr := run("repair", "--db-path", dir); code != 0 || !strings.Contains(stdout, "the commits of the log are valid") {
		t.Errorf("exit code %d, %s %s", code, stdout, stderr)
	}
}

func TestRepairFromServer(t *testing.T) {
	dir, copied := corruptStore(t)
	address := servertest.Address(t)
	url := "http://" + address
	code, _, stderr := run("repair", "--db-path", dir, "--from", url)
	wantError(t, code, stderr, 5, "connection refused", "--from")
	code, _, stderr = run("repair", "--db-path", dir, "--from", serveWithoutAdmin(t, newStore(t)))
	wantError(t, code, stderr, 1, "older version", "--from")

	p := serveAt(t, address, newStore(t))
	code, _, stderr = run("repair", "--db-path", dir, "--from", url)
	wantError(t, code, stderr, 1, "nothing was changed", "another store")
	stop(t, p)

	p = serveAt(t, address, copied)
	code, stdout, stderr := run("repair", "--db-path", dir, "--from", url)
	if code != 0 || !strings.Contains(stdout, "1 of them from "+url) || !strings.Contains(stdout, "no problem found") {
		t.Errorf("exit code %d, %s %s", code, stdout, stderr)
	}
	stop(t, p)
}

func TestRepairFromObjectStore(t *testing.T) {
	startGateway(t)
	dir, copied := corruptStore(t)
	code, _, stderr := run("repair", "--db-path", dir, "--from", "s3://backups/p")
	wantError(t, code, stderr, 1, "there is no backup in s3://backups/p")
	other := newStore(t)
	mustRun(t, "backup", "--db-path", other, "--to", "s3://backups/other")
	code, _, stderr = run("repair", "--db-path", dir, "--from", "s3://backups/other")
	wantError(t, code, stderr, 1, "nothing was changed", "another store")

	mustRun(t, "backup", "--db-path", copied, "--to", "s3://backups/p")
	code, stdout, stderr := run("repair", "--db-path", dir, "--from", "s3://backups/p")
	if code != 0 || !strings.Contains(stdout, "1 of them from s3://backups/p") || !strings.Contains(stdout, "no problem found") {
		t.Errorf("exit code %d, %s %s", code, stdout, stderr)
	}
}

// A standby is repaired from its server, and then continues to follow it.
func TestRepairOfStandbyFromItsServer(t *testing.T) {
	source, dir := newStore(t), filepath.Join(t.TempDir(), "standby")
	address := servertest.Address(t)
	serveAt(t, address, source)
	for i := range 20 {
		appendOne(t, address, fmt.Sprint("n", i))
	}
	standby := standbyOf(t, address, dir)
	awaitHead(t, standby.address, 20)
	standby.Kill()
	name := filepath.Join(dir, "log", "00000000000000000001.log")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[150]++
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run("serve", "--db-path", dir, "--listen", "127.0.0.1:0", "--standby-of", "http://"+address); code != 6 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	code, stdout, stderr := run("repair", "--db-path", dir, "--from", "http://"+address)
	if code != 0 || !strings.Contains(stdout, "no problem found") {
		t.Fatalf("exit code %d, %s %s", code, stdout, stderr)
	}
	if code, _, stderr := run("append", "--db-path", dir, "--type", "T"); code != 1 || !strings.Contains(stderr, "as a standby") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	standby = standbyOf(t, address, dir)
	appendOne(t, address, "later")
	awaitHead(t, standby.address, 21)
}

func TestRepairWithWrongFlags(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	for want, args := range map[string][]string{
		"without --truncate-tail": {"--discard-events", "1"},
		"--db-path is empty":      {"--db-path", ""},
	} {
		if code, _, stderr := run(append([]string{"repair"}, args...)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	if code, _, stderr := run("repair", "--db-path", missing); code == 0 || !strings.Contains(stderr, "there is no store") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestRepairFromMissingCopyNamesTheCopy(t *testing.T) {
	dir, missing := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "none")
	mustRun(t, "append", "--db-path", dir, "--type", "T")
	if code, _, stderr := run("repair", "--db-path", dir, "--from", missing); code == 0 || !strings.Contains(stderr, "there is no copy of a store in "+missing) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
