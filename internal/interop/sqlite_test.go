package interop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// getSQLiteLine is the command with which docs/go-recipes.md gets a driver of SQLite. Only the program on
// that page depends on it, in a module of its own.
const getSQLiteLine = "go get modernc.org/sqlite@v1.62.0"

// compileSQLite compiles the driver as the program on the page uses it, unless the cache of the go command
// has it. That takes longer than a command on a page may.
var compileSQLite = sync.OnceValues(func() (none string, err error) {
	dir, err := os.MkdirTemp("", "umadb-sqlite-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	module, workspace := filepath.Join(dir, "module"), filepath.Join(dir, "go.work")
	if err := os.Mkdir(module, 0o700); err != nil {
		return "", err
	}
	program := "// Program imports the driver.\npackage main\n\nimport _ \"modernc.org/sqlite\"\n\nfunc main() {}\n"
	for name, text := range map[string]string{workspace: workspaceWith(module), filepath.Join(module, "main.go"): program} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	compile := exec.CommandContext(ctx, "bash", "-ec", "go mod init example.com/sqlite && "+getSQLiteLine+" && go run . && go vet .")
	compile.Dir, compile.Env = module, append(os.Environ(), "GOWORK="+workspace, "GOFLAGS=-mod=readonly")
	if output, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot compile modernc.org/sqlite: %w\n%s", err, output)
	}
	return "", nil
})
