package server_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/server"
)

const (
	serving    = health.HealthCheckResponse_SERVING
	notServing = health.HealthCheckResponse_NOT_SERVING
)

func TestHealthOfEachService(t *testing.T) {
	store := newMemoryStore()
	client := health.NewHealthClient(start(t, store, server.Options{APIKey: apiKey}).dial(t))
	for _, service := range []string{"", "umadb.v1.DCB", "umadb.v1.DCB/local", "umadb.v1.DCB/append"} {
		answer, err := client.Check(within(t, patience), &health.HealthCheckRequest{Service: service})
		if err != nil || answer.Status != serving {
			t.Errorf("health of %q: %v, %v", service, answer, err)
		}
	}
	if _, err := client.Check(within(t, patience), &health.HealthCheckRequest{Service: "other"}); status.Code(err) != codes.NotFound {
		t.Errorf("health of an unknown service: %v", err)
	}
	close(store.failed)
	list, err := client.List(within(t, patience), &health.HealthListRequest{})
	if err != nil || len(list.Statuses) != 4 || list.Statuses["umadb.v1.DCB"].Status != notServing {
		t.Errorf("after a failure: %v, %v", list, err)
	}
}

func TestWatchReportsFailureAndEnds(t *testing.T) {
	store := newMemoryStore()
	r := start(t, store, server.Options{})
	client := health.NewHealthClient(r.dial(t))
	watch, err := client.Watch(within(t, patience), &health.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := client.Watch(within(t, patience), &health.HealthCheckRequest{Service: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := other.Recv(); err != nil || answer.Status != health.HealthCheckResponse_SERVICE_UNKNOWN {
		t.Errorf("health of an unknown service: %v, %v", answer, err)
	}
	if answer, err := watch.Recv(); err != nil || answer.Status != serving {
		t.Errorf("at first: %v, %v", answer, err)
	}
	close(store.failed)
	if answer, err := watch.Recv(); err != nil || answer.Status != notServing {
		t.Errorf("after a failure: %v, %v", answer, err)
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Error(err)
	}
	for _, stream := range []health.Health_WatchClient{watch, other} {
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("watching ends with %v", err)
		}
	}
}

func TestWatchReportsShutdown(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	watch, err := health.NewHealthClient(r.dial(t)).Watch(within(t, patience), &health.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := watch.Recv(); err != nil || answer.Status != serving {
		t.Errorf("at first: %v, %v", answer, err)
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Error(err)
	}
	if answer, err := watch.Recv(); err != nil || answer.Status != notServing {
		t.Errorf("at the shutdown: %v, %v", answer, err)
	}
}

// Without its shared log, a server still has what it reads locally, and a restart would not help:
// the services for that stay SERVING.
func TestHealthWithoutTheSharedLog(t *testing.T) {
	store := newMemoryStore()
	r := start(t, store, server.Options{})
	client := health.NewHealthClient(r.dial(t))
	watch, err := client.Watch(within(t, patience), &health.HealthCheckRequest{Service: "umadb.v1.DCB"})
	if err != nil {
		t.Fatal(err)
	}
	silent := errors.New("the shared log has not answered for 11s")
	for _, reason := range []error{nil, silent, nil} {
		want := map[bool]health.HealthCheckResponse_ServingStatus{true: serving, false: notServing}[reason == nil]
		if reason != nil {
			store.unavailable.Store(&reason)
		} else {
			store.unavailable.Store(nil)
		}
		if answer, err := watch.Recv(); err != nil || answer.Status != want { // within a second or so
			t.Fatalf("got %v, %v, want %v", answer, err, want)
		}
		list, err := client.List(within(t, patience), &health.HealthListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for service, want := range map[string]health.HealthCheckResponse_ServingStatus{
			"": serving, "umadb.v1.DCB/local": serving, "umadb.v1.DCB": want, "umadb.v1.DCB/append": want,
		} {
			if got := list.Statuses[service].GetStatus(); got != want {
				t.Errorf("with the reason %v, the health of %q is %v", reason, service, got)
			}
		}
		if got := r.Ready(); got != reason {
			t.Errorf("not ready because of %v, want %v", got, reason)
		}
	}
}

// A server that has just been started may have nearly nothing to read.
func TestHealthWhileTheServerCatchesUp(t *testing.T) {
	store := newMemoryStore()
	reason := errors.New("the server was started and has 1 of 9 groups")
	store.catchingUp.Store(&reason)
	store.unavailable.Store(&reason)
	client := health.NewHealthClient(start(t, store, server.Options{}).dial(t))
	watch, err := client.Watch(within(t, patience), &health.HealthCheckRequest{Service: "umadb.v1.DCB/local"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []health.HealthCheckResponse_ServingStatus{notServing, serving} {
		if answer, err := watch.Recv(); err != nil || answer.Status != want {
			t.Fatalf("got %v, %v, want %v", answer, err, want)
		}
		answer, err := client.Check(within(t, patience), &health.HealthCheckRequest{})
		if err != nil || answer.Status != serving {
			t.Errorf("health of the server: %v, %v", answer, err)
		}
		store.catchingUp.Store(nil)
		store.unavailable.Store(nil)
	}
}

func TestAppendHealthChangesBothWays(t *testing.T) {
	store := newMemoryStore()
	r := start(t, store, server.Options{})
	client := health.NewHealthClient(r.dial(t))
	watch, err := client.Watch(within(t, patience), &health.HealthCheckRequest{Service: "umadb.v1.DCB/append"})
	if err != nil {
		t.Fatal(err)
	}
	wantNext := func(want health.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if answer, err := watch.Recv(); err != nil || answer.Status != want {
			t.Fatalf("got %v, %v, want %v", answer, err, want)
		}
	}
	wantNext(serving)
	store.stall.Store(int64(11 * time.Second))
	wantNext(notServing) // within a second or so
	for _, service := range []string{"", "umadb.v1.DCB"} {
		answer, err := client.Check(within(t, patience), &health.HealthCheckRequest{Service: service})
		if err != nil || answer.Status != serving {
			t.Errorf("health of %q: %v, %v", service, answer, err)
		}
	}
	store.stall.Store(0)
	wantNext(serving)
	full := errors.New("full")
	store.refusal.Store(&full)
	wantNext(notServing)
	store.refusal.Store(nil)
	wantNext(serving)
}
