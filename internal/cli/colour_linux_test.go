package cli_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal opens a pseudo-terminal. Text that is written to the secondary file can be
// read from the primary file.
func openTerminal(t *testing.T) (primary, secondary *os.File) {
	t.Helper()
	primary, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("pseudo-terminals are not available: %v", err)
	}
	t.Cleanup(func() { primary.Close() })
	if err := unix.IoctlSetPointerInt(int(primary.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(primary.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	secondary, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { secondary.Close() })
	return primary, secondary
}

func TestColoursOnlyOnTerminal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uma.db")
	if code, _, stderr := run("append", "--db-path", dir, "--type", "Joined", "--tag", "course:1", "--uuid", ""); code != 0 {
		t.Fatal(stderr)
	}
	const plain = "1 Joined course:1\r\n  recorded TIME\r\n"
	const coloured = "\x1b[33m1\x1b[0m \x1b[36;1mJoined\x1b[0;22m \x1b[32mcourse:1\x1b[0m\r\n  \x1b[2mrecorded\x1b[22m TIME\r\n"
	shown := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	for name, c := range map[string]struct {
		environment []string
		arguments   []string
		want        string
	}{
		"terminal":       {[]string{"TERM=xterm"}, nil, coloured},
		"NO_COLOR":       {[]string{"TERM=xterm", "NO_COLOR=1"}, nil, plain},
		"empty NO_COLOR": {[]string{"TERM=xterm", "NO_COLOR="}, nil, coloured},
		"dumb terminal":  {[]string{"TERM=dumb"}, nil, plain},
		"JSON":           {[]string{"TERM=xterm"}, []string{"--json"}, `{"position":1,"type":"Joined","tags":["course:1"]}` + "\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			primary, secondary := openTerminal(t)
			cmd := exec.Command(os.Args[0], append([]string{"read", "--db-path", dir}, c.arguments...)...)
			cmd.Env = append([]string{asProgram + "=1"}, c.environment...)
			cmd.Stdout = secondary
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			secondary.Close()
			got, _ := io.ReadAll(primary) // the end is an error
			got = shown.ReplaceAll(recordedAt.ReplaceAll(got, nil), []byte("TIME"))
			if string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("file", func(t *testing.T) {
		_, stdout, _ := run("read", "--db-path", dir)
		stdout = shown.ReplaceAllString(stdout, "TIME")
		if want := strings.ReplaceAll(plain, "\r", ""); stdout != want {
			t.Errorf("got %q, want %q", stdout, want)
		}
	})
}

// On a terminal, a read that finds nothing names the terms that no event has.
func TestMissingTermsAreNamedOnTerminal(t *testing.T) {
	dir := newCountedStore(t)
	primary, secondary := openTerminal(t)
	cmd := exec.Command(os.Args[0], "read", "--db-path", dir, "--tag", "custmer:42")
	cmd.Env, cmd.Stderr = []string{asProgram + "=1"}, secondary
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(primary).ReadString('\n')
	if want := "umadb: no event has the tag custmer:42\r\n"; err != nil || got != want {
		t.Errorf("the terminal shows %q, %v, want %q", got, err, want)
	}
}
