package interop_test

import (
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

// releasedVersion is the release of the Python package used in the tests.
const releasedVersion = "0.7.8"

// repository returns the root of the repository.
var repository = sync.OnceValue(func() string {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err)
	}
	return root
})

// released returns the bin directory of a Python environment with the released
// package, or skips the test.
func released(t testing.TB) (bin string) {
	t.Helper()
	return orSkip(t, installReleased)
}

// orSkip returns the bin directory of a Python environment. If it cannot be installed, it skips
// the test, or fails where no test may be skipped.
func orSkip(t testing.TB, install func() (bin string, err error)) (bin string) {
	t.Helper()
	bin, err := install()
	switch {
	case err == nil:
		return bin
	case os.Getenv("CI") != "" || os.Getenv("UMADB_TEST_INTEROP") == "required":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return ""
}

// installReleased creates the environment, unless an earlier run did.
var installReleased = sync.OnceValues(func() (bin string, err error) {
	if runtime.GOOS == "windows" {
		return "", errors.New("the released server does not run on Windows")
	}
	// The benchmarks expect the released server in the same directory.
	return installOnce(filepath.Join(repository(), ".cache", "rust-umadb"), hasReleased, "umadb=="+releasedVersion)
})

// installOnce creates a Python environment with packages, unless it is complete. It returns its
// bin directory.
func installOnce(environment string, isComplete func(bin string) bool, packages ...string) (bin string, err error) {
	if err := os.MkdirAll(filepath.Dir(environment), 0o755); err != nil {
		return "", err
	}
	// Other test programs may create it at the same time.
	lock := flock.New(environment + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Close()
	bin = filepath.Join(environment, "bin")
	if isComplete(bin) {
		return bin, nil
	}
	if err := os.RemoveAll(environment); err != nil {
		return "", err
	}
	if err := makeEnvironment(environment, packages...); err != nil {
		return "", err
	}
	return bin, nil
}

// ourPackage returns the bin directory of a new Python environment with the package
// of this repository.
func ourPackage(t testing.TB) (bin string) {
	t.Helper()
	environment := filepath.Join(t.TempDir(), "venv")
	if err := makeEnvironment(environment, filepath.Join(repository(), "python")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(environment, "bin")
}

// makeEnvironment creates a Python environment and installs packages in it.
func makeEnvironment(environment string, packages ...string) error {
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

// hasReleased reports whether an environment has a complete installation of the
// released package.
func hasReleased(bin string) bool {
	const script = "import importlib.metadata, umadb, sys; sys.exit(importlib.metadata.version('umadb') != sys.argv[1])"
	return exec.Command(filepath.Join(bin, "python3"), "-c", script, releasedVersion).Run() == nil
}
