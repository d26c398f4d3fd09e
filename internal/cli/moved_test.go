//go:build unix

package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

// A server detects within about a second that its directory was removed.
func TestServeDetectsRemovedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uma.db")
	server := start(t, "--db-path", dir)
	conn, err := grpc.NewClient(server.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch, err := health.NewHealthClient(conn).Watch(t.Context(), &health.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []health.HealthCheckResponse_ServingStatus{health.HealthCheckResponse_SERVING, health.HealthCheckResponse_NOT_SERVING} {
		response, err := watch.Recv()
		if err != nil || response.Status != want {
			t.Fatalf("health is %v, %v, not %v", response, err, want)
		}
		if want != health.HealthCheckResponse_SERVING {
			break
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	server.Signal(syscall.SIGTERM)
	code, log := exit(t, server.Process), server.Output.String()
	if code != 1 || !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "removed, renamed or ") {
		t.Errorf("exit code %d, log:\n%s", code, log)
	}
}
