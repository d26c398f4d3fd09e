package cli_test

import (
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// serveHealth serves a health service with these statuses, and returns its URL.
func serveHealth(t *testing.T, statuses map[string]grpc_health_v1.HealthCheckResponse_ServingStatus) (url string) {
	t.Helper()
	listener := listen(t)
	service := health.NewServer()
	for name, status := range statuses {
		service.SetServingStatus(name, status)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, service)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

// listen returns a listener that the test closes.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestHealthOfServerThatIsNotServing(t *testing.T) {
	url := serveHealth(t, map[string]grpc_health_v1.HealthCheckResponse_ServingStatus{
		"":     grpc_health_v1.HealthCheckResponse_NOT_SERVING,
		"well": grpc_health_v1.HealthCheckResponse_SERVING,
	})
	code, stdout, stderr := run("health", "--url", url)
	wantError(t, code, stderr, 1, "the server at "+url+" is NOT_SERVING", "umadb status and its log have the reason")
	if stdout != "" {
		t.Errorf("standard output is %q, want none", stdout)
	}
	code, stdout, stderr = run("health", "--url", url, "--json")
	wantError(t, code, stderr, 1, "NOT_SERVING")
	if want := `{"url":"` + url + `","service":"","serving":false,"status":"NOT_SERVING","reason":"the server at `; !strings.HasPrefix(stdout, want) {
		t.Errorf("standard output is %q, want one that starts with %q", stdout, want)
	}
	if code, stdout, _ := run("health", "--url", url, "--service", "well"); code != 0 || stdout != "SERVING\n" {
		t.Errorf("the exit code is %d, standard output is %q; want 0 and SERVING", code, stdout)
	}
}

// A server that accepts connections and does not answer cannot be reached in time.
func TestHealthOfSilentServer(t *testing.T) {
	url := "http://" + listen(t).Addr().String()
	code, _, stderr := run("health", "--url", url, "--timeout", "50ms")
	wantError(t, code, stderr, 5, "no connection")
}
