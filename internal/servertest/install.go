package servertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// ReleasedVersion is the release of the Python package used in tests.
const ReleasedVersion = "0.7.8"

// Repository returns the root of the repository, which contains the working directory.
var Repository = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
	}
	panic(fmt.Sprintf("the working directory is not in the repository: %v", err))
})

// OrSkip returns what install returns, such as the path of a program. If it cannot be installed,
// OrSkip skips the test, or fails where no test may be skipped.
func OrSkip(t testing.TB, install func() (path string, err error)) (path string) {
	t.Helper()
	path, err := install()
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "" || os.Getenv("UMADB_TEST_INTEROP") == "required":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return ""
}

// InstallOnce creates a directory with install, unless it is complete.
func InstallOnce(dir string, isComplete func() bool, install func() error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	// Other test programs may create it at the same time.
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Close()
	if isComplete() {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return install()
}

// InstallPython creates a Python environment with packages, unless it is complete. It returns its
// bin directory.
func InstallPython(environment string, isComplete func(bin string) bool, packages ...string) (bin string, err error) {
	bin = filepath.Join(environment, "bin")
	err = InstallOnce(environment, func() bool { return isComplete(bin) }, func() error {
		return MakePython(environment, packages...)
	})
	return bin, err
}

// InstallRequirements creates a Python environment with the packages that a requirements file lists,
// unless it has just these. It returns its bin directory.
func InstallRequirements(environment, requirements string) (bin string, err error) {
	want, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	installed := filepath.Join(environment, "requirements.txt") // the last file of an installation
	isComplete := func() bool {
		have, err := os.ReadFile(installed)
		return err == nil && bytes.Equal(have, want)
	}
	err = InstallOnce(environment, isComplete, func() error {
		if err := MakePython(environment, "--requirement", requirements); err != nil {
			return err
		}
		return os.WriteFile(installed, want, 0o600)
	})
	return filepath.Join(environment, "bin"), err
}

// MakePython creates a Python environment and installs packages in it.
func MakePython(environment string, packages ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	install := []string{filepath.Join(environment, "bin", "python3"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}
	for _, step := range [][]string{{"python3", "-m", "venv", environment}, append(install, packages...)} {
		output, err := exec.CommandContext(ctx, step[0], step[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("cannot install %s: %v: %w\n%s", packages, step, err, output)
		}
	}
	return nil
}

// InstallReleased returns the bin directory of a Python environment with the released package,
// which contains the released server. It creates the environment, unless an earlier run did.
var InstallReleased = sync.OnceValues(func() (bin string, err error) {
	if runtime.GOOS == "windows" {
		return "", errors.New("the released server does not run on Windows")
	}
	// The benchmarks expect the released server in the same directory.
	return InstallPython(filepath.Join(Repository(), ".cache", "rust-umadb"), hasReleased, "umadb=="+ReleasedVersion)
})

// hasReleased reports whether an environment has a complete installation of the
// released package.
func hasReleased(bin string) bool {
	const script = "import importlib.metadata, umadb, sys; sys.exit(importlib.metadata.version('umadb') != sys.argv[1])"
	return exec.Command(filepath.Join(bin, "python3"), "-c", script, ReleasedVersion).Run() == nil
}
