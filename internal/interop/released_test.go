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

// releasedVersion is the release of the Python package that we test with.
const releasedVersion = "0.7.8"

// repository is the root of the repository.
var repository = sync.OnceValue(func() string {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err)
	}
	return root
})

// released gives the folder of the programs of a Python environment that has
// the released package, or skips the test.
func released(t testing.TB) (bin string) {
	t.Helper()
	bin, err := installReleased()
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

// installReleased makes the environment, unless an earlier run has.
var installReleased = sync.OnceValues(func() (bin string, err error) {
	if runtime.GOOS == "windows" {
		return "", errors.New("the released server does not run on Windows")
	}
	// The benchmarks look for the released server in the same place.
	environment := filepath.Join(repository(), ".cache", "rust-umadb")
	if err := os.MkdirAll(filepath.Dir(environment), 0o755); err != nil {
		return "", err
	}
	// Other test programs may be at it too.
	lock := flock.New(environment + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Close()
	bin = filepath.Join(environment, "bin")
	if hasReleased(bin) {
		return bin, nil
	}
	if err := os.RemoveAll(environment); err != nil {
		return "", err
	}
	if err := makeEnvironment(environment, "umadb=="+releasedVersion); err != nil {
		return "", err
	}
	return bin, nil
})

// ourPackage gives the folder of the programs of a Python environment that has the
// package of this repository, made for this run.
func ourPackage(t testing.TB) (bin string) {
	t.Helper()
	environment := filepath.Join(t.TempDir(), "venv")
	if err := makeEnvironment(environment, filepath.Join(repository(), "python")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(environment, "bin")
}

// makeEnvironment makes a Python environment, and has pip install something there.
func makeEnvironment(environment, what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, step := range [][]string{
		{"python3", "-m", "venv", environment},
		{filepath.Join(environment, "bin", "python3"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what},
	} {
		output, err := exec.CommandContext(ctx, step[0], step[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s cannot be installed: %v: %w\n%s", what, step, err, output)
		}
	}
	return nil
}

// hasReleased tells whether an environment has the released package whole.
func hasReleased(bin string) bool {
	const script = "import importlib.metadata, umadb, sys; sys.exit(importlib.metadata.version('umadb') != sys.argv[1])"
	return exec.Command(filepath.Join(bin, "python3"), "-c", script, releasedVersion).Run() == nil
}
