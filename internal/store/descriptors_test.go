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

// A process without free file descriptors rolls to the preallocated segment, refuses
// appends that need another file, and recovers when there are free descriptors again.
func TestStoreRecoversFromLackOfDescriptors(t *testing.T) {
	if dir := os.Getenv(starvedDir); dir != "" {
		limitDescriptors(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), starvedDir+"="+filepath.Join(t.TempDir(), "uma.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// limitDescriptors appends while this process can open no more files.
func limitDescriptors(t *testing.T, dir string) {
	options := diskOptions()
	options.BlockEvents = 10_000 // so that only the log needs a file
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
	for preallocated := 0; preallocated == 0; stored += 2 {
		mustAppend(t, s, fmt.Sprint(stored), 2)
		names, err := filepath.Glob(filepath.Join(dir, "log", "next-*.tmp"))
		if err != nil {
			t.Fatal(err)
		}
		preallocated = len(names)
	}
	before := segments()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	lowered := limit
	lowered.Cur = 3 // open descriptors stay open
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lowered); err != nil {
		t.Fatal(err)
	}
	more, refused := appendUntil(t, s)
	for range 5 {
		if _, err := s.Append(t.Context(), newEvents("again", 2), nil, nil); err == nil {
			more += 2
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(refused, syscall.EMFILE) || hasFailed(s) {
		t.Errorf("append: %v; store has failed: %v", refused, hasFailed(s))
	}
	if segments() == before {
		t.Error("the log did not roll")
	}
	mustRecover(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustContainEvents(t, dir, stored+more+1)
}
