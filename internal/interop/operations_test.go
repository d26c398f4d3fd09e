package interop_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// message matches a call that logs a warning or an error.
var message = regexp.MustCompile(`\.([Ww]arn|Error)(?:Key)?\("([^"]+)"`)

// refusal matches a row of the refusals in internal/server/refusals.go, which are warnings.
var refusal = regexp.MustCompile(`\{"\w+", +"([^"]+)"\}`)

// TestMonitoringListsEveryLogLine compares the table in docs/monitoring.md with the
// warnings and errors that the server may log.
func TestMonitoringListsEveryLogLine(t *testing.T) {
	page := readDocument(t, "docs/monitoring.md")
	_, table, _ := strings.Cut(page, "<!-- log lines:")
	table, _, _ = strings.Cut(table, "<!-- end of log lines -->")
	known := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (WARN|ERROR) \\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		known[row[1]+" "+row[2]] = false
	}
	for _, pkg := range []string{"cli", "monitoring", "peer", "server", "store", "web"} {
		files, err := filepath.Glob(filepath.Join(repository(), "internal", pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			logs := message.FindAllStringSubmatch(string(source), -1)
			if filepath.Base(file) == "refusals.go" {
				for _, match := range refusal.FindAllStringSubmatch(string(source), -1) {
					logs = append(logs, []string{"", "Warn", match[1]})
				}
			}
			for _, match := range logs {
				logged := strings.ToUpper(match[1]) + " " + match[2]
				if _, listed := known[logged]; !listed {
					t.Errorf("docs/monitoring.md does not list %q, logged in %s", logged, filepath.Base(file))
				}
				known[logged] = true
			}
		}
	}
	for line, logged := range known {
		if !logged {
			t.Errorf("docs/monitoring.md lists %q, which is never logged", line)
		}
	}
}

// TestOperationsListTheLimits compares the table in docs/operations.md with the
// default limits.
func TestOperationsListTheLimits(t *testing.T) {
	page := readDocument(t, "docs/operations.md")
	limits := dcb.Limits{}.WithDefaults()
	for _, c := range []struct {
		limit, documented int
		row               string
	}{
		{limits.EventBytes, 4<<20 - 64<<10, "| an event, encoded | 4 MiB less 64 KiB |"},
		{limits.RequestBytes, 16 << 20, "| a request, encoded | 16 MiB |"},
		{limits.RequestEvents, 65_536, "| events of a request | 65,536 |"},
		{limits.EventTags, 65_535, "| tags of an event | 65,535 |"},
		{limits.QueryTerms, 65_536, "| types and tags of a query; its items | 65,536 each |"},
		{dcb.MaxMetadataBytes, 65_535, "| a metadata key or value | 65,535 bytes |"},
		{dcb.MaxSourceBytes, 255, "| the name of a source | 255 bytes |"},
	} {
		if c.limit != c.documented || !strings.Contains(page, c.row) {
			t.Errorf("the limit is %d: docs/operations.md must have a row for it, which this test expects to be %q", c.limit, c.row)
		}
	}
}

// TestOperationsSystemdUnitIsValid verifies the unit if systemd is installed.
func TestOperationsSystemdUnitIsValid(t *testing.T) {
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(err)
	}
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range codeBlocks(t, "docs/operations.md") {
		if block.argument != "umadb.service" {
			continue
		}
		if !strings.Contains(block.text, "ExecReload=/bin/kill -HUP $MAINPID\n") || strings.Contains(block.text, "CREDENTIALS_DIRECTORY") {
			t.Error("reloading the unit does not read the files again") // credentials are copies that systemd made at start
		}
		if block.text != readDocument(t, "deploy/systemd/umadb.service") {
			t.Error("docs/operations.md and deploy/systemd/umadb.service differ: copy the unit into the page")
		}
		unit := filepath.Join(t.TempDir(), block.argument)
		text := strings.ReplaceAll(block.text, "ExecStart=umadb ", "ExecStart="+program+" ")
		if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		output, err := exec.Command(systemd, "verify", "--man=no", unit).CombinedOutput()
		if err != nil || len(output) > 0 {
			t.Errorf("systemd-analyze verify: %v\n%s", err, output)
		}
		// The exposure is a sum of what the unit does not forbid, at most 10; it was 1.2 with systemd 252.
		output, err = exec.Command(systemd, "security", "--offline=yes", "--threshold=15", unit).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, output)
		}
		return
	}
	t.Error("docs/operations.md has no umadb.service")
}

// TestBackupUnitsAreValid verifies the timer of backups and its service if systemd
// is installed.
func TestBackupUnitsAreValid(t *testing.T) {
	systemd, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(err)
	}
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	dir, units := t.TempDir(), []string{}
	for _, block := range codeBlocks(t, "docs/backup.md") {
		if !strings.HasPrefix(block.argument, "umadb-backup.") || block.language != "ini" {
			continue
		}
		units = append(units, filepath.Join(dir, block.argument))
		text := strings.ReplaceAll(block.text, "/usr/local/bin/umadb", program)
		if err := os.WriteFile(units[len(units)-1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(units) != 2 {
		t.Fatalf("docs/backup.md has the units %v", units)
	}
	output, err := exec.Command(systemd, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil || len(output) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
}
