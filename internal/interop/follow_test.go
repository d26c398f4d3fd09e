package interop_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// TestImportFollowsReleasedServer runs an import with --follow during appends to
// the released server, with events and tracking-only records.
func TestImportFollowsReleasedServer(t *testing.T) {
	program, url, c := setUpImport(t)
	copied := filepath.Join(t.TempDir(), "copy")
	var stderr bytes.Buffer
	following := exec.Command(program, "import", "--from", url, "--follow", "--tracking-source", "heartbeat", "--db-path", copied)
	following.Stderr = &stderr
	if err := following.Start(); err != nil {
		t.Fatal(err)
	}
	defer following.Process.Kill()
	for round := range uint64(5) {
		for i := range 20 {
			event := dcb.Event{Type: "T", Data: fmt.Appendf(nil, "%d-%d.", round, i)}
			if _, err := c.Append(t.Context(), []dcb.Event{event}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "heartbeat", Position: round + 1}); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%d-19.", round)
		heartbeat := "heartbeat\x10" + string(rune(round+1)) // position as a protobuf field
		deadline := time.Now().Add(time.Minute)
		for !inLog(copied, want) || !inLog(copied, heartbeat) {
			if time.Now().After(deadline) {
				t.Fatalf("the copy does not contain %q and %q", want, heartbeat)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err := following.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := following.Wait(); err != nil || !strings.Contains(stderr.String(), "imported 100 events") {
		t.Errorf("import --follow ended with %v: %s", err, stderr.String())
	}
	fromCopy, fromSource := filepath.Join(t.TempDir(), "copy.ndjson"), filepath.Join(t.TempDir(), "source.ndjson")
	mustRun(t, program, "export", "--db-path", copied, "--output", fromCopy)
	mustRun(t, program, "export", "--url", url, "--output", fromSource)
	for _, name := range []string{fromCopy, fromSource} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var events strings.Builder
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(line, `{"position"`) {
				events.WriteString(line)
			}
		}
		if err := os.WriteFile(name, []byte(events.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	compareFiles(t, fromCopy, fromSource)
}

// inLog reports whether the first segment of a store contains text.
func inLog(dir, text string) bool {
	content, _ := os.ReadFile(filepath.Join(dir, "log", "00000000000000000001.log"))
	return bytes.Contains(content, []byte(text))
}
