//go:build linux || darwin

package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/umadb-go/umadb/internal/store"
)

const starvedDir = "UMADB_TEST_STARVED"

// A process that has no file descriptors left rolls to the segment that is prepared,
// refuses what needs another file, and goes on when there are descriptors again.
func TestAProcessWithoutDescriptorsRefusesAndRecovers(t *testing.T) {
	if dir := os.Getenv(starvedDir); dir != "" {
		starve(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), starvedDir+"="+filepath.Join(t.TempDir(), "uma.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// starve limits the descriptors of this process to those that are open.
func starve(t *testing.T, dir string) {
	options := onDisk()
	options.BlockEvents = 10_000 // so that it is the log that needs a file
	s, err := store.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	segments := func() int {
		names, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	stored := 0
	for prepared := 0; prepared == 0; stored += 2 {
		mustAppend(t, s, fmt.Sprint(stored), 2)
		names, err := filepath.Glob(filepath.Join(dir, "log", "next-*.tmp"))
		if err != nil {
			t.Fatal(err)
		}
		prepared = len(names)
	}
	before := segments()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	starved := limit
	starved.Cur = 3 // which those that are open survive
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &starved); err != nil {
		t.Fatal(err)
	}
	more, refused := appendUntil(t, s)
	for range 5 {
		if _, err := s.Append(t.Context(), appends("again", 2), nil, nil); err == nil {
			more += 2
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(refused, syscall.EMFILE) || hasFailed(s) {
		t.Errorf("the append: %v, and the store has failed: %v", refused, hasFailed(s))
	}
	if segments() == before {
		t.Error("it did not roll")
	}
	mustRecover(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustHold(t, dir, stored+more+1)
}
