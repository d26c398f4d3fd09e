package interop_test

import (
	"path/filepath"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
)

// repository returns the root of the repository.
var repository = servertest.Repository

// released returns the bin directory of a Python environment with the released
// package, or skips the test.
func released(t testing.TB) (bin string) {
	t.Helper()
	return servertest.OrSkip(t, servertest.InstallReleased)
}

// ourPackage returns the bin directory of a new Python environment with the package
// of this repository.
func ourPackage(t testing.TB) (bin string) {
	t.Helper()
	environment := filepath.Join(t.TempDir(), "venv")
	if err := servertest.MakePython(environment, filepath.Join(repository(), "python")); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(environment, "bin")
}
