package server_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func method(m server.Metrics, name string) server.MethodMetrics {
	for _, method := range m.Methods {
		if method.Method == name {
			return method
		}
	}
	return server.MethodMetrics{}
}

func refusal(m server.Metrics, kind string) uint64 {
	for _, r := range m.Refusals {
		if r.Kind == kind {
			return r.Count
		}
	}
	return 0
}

func TestMetricsCountCalls(t *testing.T) {
	r, records := recorded(t, newMemoryStore(), server.Options{APIKey: "secret"})
	methods := len(r.Metrics().Methods)
	raw := r.raw(t)
	for _, call := range []string{"/umadb.v1.DCB/Head", "/umadb.v1.DCB/Head", "/one/Unknown", "/another/Unknown", "/grpc.health.v1.Health/Check"} {
		raw.post(t, call, request(t, new(umadbv1.HeadRequest)))
		next(t, records)
	}
	m := r.Metrics()
	head, unknown, check := method(m, "umadb.v1.DCB/Head"), method(m, "unknown"), method(m, "grpc.health.v1.Health/Check")
	if head.Codes[codes.Unauthenticated] != 2 || unknown.Codes[codes.Unauthenticated] != 2 || check.Codes[codes.OK] != 1 {
		t.Errorf("Head %v, unknown methods %v, Check %v", head.Codes, unknown.Codes, check.Codes)
	}
	if head.Duration.Count() != 2 || head.Duration.Sum <= 0 || head.InProgress != 0 {
		t.Errorf("Head has %d durations with sum %v, and %d calls are in progress", head.Duration.Count(), head.Duration.Sum, head.InProgress)
	}
	if len(m.Methods) != methods {
		t.Errorf("there are %d methods, before the calls there were %d", len(m.Methods), methods)
	}
	if n := refusal(m, "api_key"); n != 4 {
		t.Errorf("%d calls were refused because of the key, want 4", n)
	}
	if m.Connections != 1 || m.Accepted != 1 || m.ReceivedBytes == 0 || m.SentBytes == 0 {
		t.Errorf("the metrics are %+v", m)
	}
}

func TestMetricsShowCallsInProgress(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	subscription, err := r.client(t).Subscribe(within(t, patience), new(umadbv1.SubscribeRequest))
	if err == nil {
		_, err = subscription.Header()
	}
	if err != nil {
		t.Fatal(err)
	}
	m := r.Metrics()
	if n := method(m, "umadb.v1.DCB/Subscribe").InProgress; n != 1 {
		t.Errorf("%d subscriptions are in progress, want 1", n)
	}
	if calls := m.Memory[0]; calls.Of != "calls" || calls.Used == 0 || calls.Limit <= calls.Used {
		t.Errorf("the memory of calls is %+v", calls)
	}
}

func TestMetricsCountRefusedConnections(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{MaxConnections: 1})
	if _, err := r.client(t).Head(within(t, patience), new(umadbv1.HeadRequest)); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	second.SetReadDeadline(time.Now().Add(patience))
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("the second connection ends with %v", err)
	}
	if m := r.Metrics(); refusal(m, "connections") != 1 || m.Accepted != 2 || m.Connections != 1 {
		t.Errorf("the metrics are %+v", m)
	}
}
