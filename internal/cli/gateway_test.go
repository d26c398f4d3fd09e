package cli_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// gatewayVersion is the S3 server of the tests: github.com/versity/versitygw, which stores
// objects as files.
const gatewayVersion = "v1.8.0"

// interopRequired is read before TestMain removes the variables.
var interopRequired = os.Getenv("UMADB_TEST_INTEROP") == "required"

// gatewayProgram returns the S3 server. It is built in .cache unless an earlier run has; the
// test is skipped if this is impossible and interoperability tests are not required.
func gatewayProgram(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".cache", "versitygw-"+gatewayVersion))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "versitygw")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	install := exec.Command("go", "install", "github.com/versity/versitygw/cmd/versitygw@"+gatewayVersion)
	install.Dir = t.TempDir()
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := install.CombinedOutput(); err != nil {
		if interopRequired {
			t.Fatalf("%v: %v: %s", install, err, out)
		}
		t.Skipf("%v: %v: %s", install, err, out)
	}
	return program
}

// gateway is a running S3 server with the bucket "backups".
type gateway struct {
	dir string // with the objects of the bucket
}

// startGateway starts an S3 server.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the S3 server is tested on Linux")
	}
	program, root, attributes := gatewayProgram(t), t.TempDir(), t.TempDir()
	g := &gateway{dir: filepath.Join(root, "backups")}
	if err := os.Mkdir(g.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	address := servertest.Address(t)
	cmd := exec.Command(program, "--access", "test-key", "--secret", "test-secret", "--port", address, "posix", "--sidecar", attributes, root)
	p, err := servertest.StartListener(ctx, cmd, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_REGION": "us-east-1",
		"AWS_ENDPOINT_URL_S3": "http://" + address, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_SESSION_TOKEN": "", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(root, "none"),
	} {
		t.Setenv(name, value)
	}
	return g
}

// objects returns the paths of the objects with a name that matches a pattern.
func (g *gateway) objects(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(g.dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// backupKills is how often a backup is killed.
var backupKills = flag.Int("backup-kills", 5, "number of times that a backup to an object store is killed")

// longestLife bounds the time after which a backup is killed.
const longestLife = 1500 * time.Millisecond
