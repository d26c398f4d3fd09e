package interop_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// debianProgram returns the path of a program and of its libraries, or skips the test. If
// the program is not installed, it is unpacked from packages of Debian.
func debianProgram(t *testing.T, name string, packages ...string) (program, libraries string) {
	t.Helper()
	if program, err := exec.LookPath(name); err == nil {
		return program, ""
	}
	root, err := unpack(packages)
	switch {
	case err == nil:
	case os.Getenv("CI") != "" || os.Getenv("UMADB_TEST_INTEROP") == "required":
		t.Fatalf("%s is not installed and cannot be downloaded: %v", name, err)
	default:
		t.Skipf("%s is not installed and cannot be downloaded: %v", name, err)
	}
	programs, _ := filepath.Glob(filepath.Join(root, "usr", "*bin", name))
	found, _ := filepath.Glob(filepath.Join(root, "usr", "lib", "*-linux-gnu"))
	if len(programs) != 1 {
		t.Fatalf("the packages %v contain the programs %v, want one", packages, programs)
	}
	return programs[0], strings.Join(found, ":")
}

// unpack downloads the packages and unpacks them in .cache, unless an earlier run
// did. Nothing is installed.
func unpack(packages []string) (root string, err error) {
	root = filepath.Join(repository(), ".cache", "debian", packages[0])
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(root + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("this system has no apt-get; install it")
	}
	dir, err := os.MkdirTemp(filepath.Dir(root), packages[0]+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	run := func(command string, arguments ...string) error {
		cmd := exec.CommandContext(ctx, command, arguments...)
		cmd.Dir = dir
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, output)
		}
		return nil
	}
	download := append([]string{"download", "-q"}, packages...)
	if err := run("apt-get", download...); err != nil {
		// A new container has no package lists yet; updating them needs root.
		if run("apt-get", "update", "-q") != nil {
			return "", err
		}
		if err := run("apt-get", download...); err != nil {
			return "", err
		}
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return "", err
	}
	unpacked := filepath.Join(dir, "root")
	for _, archive := range archives {
		if err := run("dpkg", "-x", archive, unpacked); err != nil {
			return "", err
		}
	}
	return root, os.Rename(unpacked, root)
}
