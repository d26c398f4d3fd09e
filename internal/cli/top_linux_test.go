package cli_test

import (
	"io"
	"os"
	"strings"
	"testing"
)

// On a terminal, Ctrl-C ends top without an error, and the terminal is restored.
func TestTopRestoresTheTerminal(t *testing.T) {
	server := start(t, "--db-path", newCountedStore(t))
	primary, secondary := openTerminal(t)
	cmd := command("top", "--url", "http://"+server.address, "--interval", "100ms")
	cmd.Stdout = secondary
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	secondary.Close()
	var shown strings.Builder
	buffer := make([]byte, 4096)
	for strings.Count(shown.String(), "events/s") < 2 {
		n, err := primary.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, shown.String())
		}
		shown.Write(buffer[:n])
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(primary) // the end is an error
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	text := shown.String() + string(rest)
	if !strings.HasPrefix(text, "\x1b[?1049h\x1b[?25l\x1b[H") || !strings.HasSuffix(text, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("the terminal is not restored: %q", text)
	}
}
