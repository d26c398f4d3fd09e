package etcdtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

// build returns the path of the server. If it was not built before, the go command builds it in
// the directory .cache of the repository, which can take a minute and needs the modules of the
// server. Test programs that need it at the same time wait for one of them.
func build() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "server")
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(sums)
	program := filepath.Join(dir, "../../../../../.cache/etcd/etcd-"+hex.EncodeToString(hash[:8]))
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(program + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	unfinished := program + ".tmp"
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", unfinished, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building etcd: %w: %s", err, output)
	}
	return program, os.Rename(unfinished, program)
}
