package interop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// grpcurlModule is the program that docs/grpc.md uses.
const grpcurlModule = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"

// installGrpcurl builds grpcurl from its module, unless an earlier run did, and returns its path.
var installGrpcurl = sync.OnceValues(func() (program string, err error) {
	dir := filepath.Join(repository(), ".cache", filepath.Base(grpcurlModule))
	program = filepath.Join(dir, "grpcurl")
	isComplete := func() bool {
		_, err := os.Stat(program)
		return err == nil
	}
	err = servertest.InstallOnce(dir, isComplete, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		install := exec.CommandContext(ctx, "go", "install", grpcurlModule)
		install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off")
		if output, err := install.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot install %s: %w\n%s", grpcurlModule, err, output)
		}
		return nil
	})
	return program, err
})
