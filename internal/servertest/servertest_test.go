package servertest_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

func reserve(t *testing.T) (address string, release func()) {
	t.Helper()
	address, release, err := servertest.ReserveAddress()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address, release
}

// shell starts a script of the shell, which is killed at the end of the test.
func shell(t *testing.T, script string) *servertest.Process {
	t.Helper()
	p, err := servertest.Start(exec.Command("sh", "-c", script))
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestReservedAddressesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		address, _ := reserve(t)
		if seen[address] {
			t.Fatalf("%s is reserved twice", address)
		}
		seen[address] = true
	}
}

// The Python tests rely on this convention.
func TestReservedPortIsOddAndThePortBelowIsInUse(t *testing.T) {
	address, release := reserve(t)
	_, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	if port%2 != 1 || port < 10_000 || port >= 30_000 {
		t.Errorf("reserved %s", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	below := net.JoinHostPort("127.0.0.1", strconv.Itoa(port-1))
	if listener, err := net.Listen("tcp", below); err == nil {
		listener.Close()
		t.Errorf("%s is not in use", below)
	}
	release()
	if listener, err = net.Listen("tcp", below); err != nil {
		t.Fatalf("after the release: %v", err)
	}
	listener.Close()
}

func TestServerThatExitsDuringStartupIsAnError(t *testing.T) {
	address, _ := reserve(t)
	const script = "echo out of order; exit 3"
	_, err := servertest.StartUmaDB(t.Context(), exec.Command("sh", "-c", script))
	_, _, err2 := servertest.StartOnFreePort(t.Context(), exec.Command("sh", "-c", script))
	_, err3 := servertest.StartListener(t.Context(), exec.Command("sh", "-c", script), address)
	for _, err := range []error{err, err2, err3} {
		if err == nil || !strings.Contains(err.Error(), "exited during startup") || !strings.Contains(err.Error(), "out of order") {
			t.Error(err)
		}
	}
}

func TestServerThatDoesNotListenIsAnError(t *testing.T) {
	address, _ := reserve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := servertest.StartUmaDB(ctx, exec.Command("sh", "-c", "exec sleep 60"))
	_, _, err2 := servertest.StartOnFreePort(ctx, exec.Command("sh", "-c", "exec sleep 60"))
	_, err3 := servertest.StartListener(ctx, exec.Command("sh", "-c", "exec sleep 60"), address)
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
}

func TestAddressIsReadFromTheLog(t *testing.T) {
	script := `echo not JSON; printf '{"msg":"opened","address":"other"}\n{"msg":"liste'; printf 'ning","address":"%s"}\n' "$*" >&2; exec sleep 60`
	p, address, err := servertest.StartOnFreePort(t.Context(), exec.Command("sh", "-c", script, "sh"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if address != "--listen 127.0.0.1:0 --log-format json" { // which the script prints
		t.Errorf("address %q", address)
	}
}

func TestUmaDBHasStartedWhenItPrintsThat(t *testing.T) {
	p, err := servertest.StartUmaDB(t.Context(), exec.Command("sh", "-c", "sleep 0.05; echo UmaDB started in 5ms; exec sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if p.Output.String() != "UmaDB started in 5ms\n" {
		t.Errorf("it printed %q", p.Output)
	}
}

func TestStop(t *testing.T) {
	p := shell(t, "trap 'echo stopped; exit' TERM; echo ready; while :; do sleep 0.01; done")
	p.Output.Await(t.Context(), func(output string) bool { return strings.Contains(output, "ready") })
	if err := p.Stop(); err != nil || p.Output.String() != "ready\nstopped\n" {
		t.Errorf("%v; it printed %q", err, p.Output)
	}
	if err := p.Stop(); err == nil {
		t.Error("stopping a process that has exited succeeds")
	}
	if err := shell(t, "exec sleep 60").Stop(); err == nil {
		t.Error("stopping a process that a signal ends succeeds")
	}
}

func TestWait(t *testing.T) {
	if code, err := shell(t, "exit 3").Wait(time.Minute); code != 3 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	if code, err := shell(t, "exec sleep 60").Wait(time.Millisecond); code != -1 || err == nil {
		t.Errorf("exit code %d, %v, although it had to be killed", code, err)
	}
}

func TestProcessGetsNoSettingsFromTheEnvironment(t *testing.T) {
	t.Setenv("UMADB_API_KEY", "secret")
	p := shell(t, "env")
	p.Wait(time.Minute)
	if strings.Contains(p.Output.String(), "UMADB_") || !strings.Contains(p.Output.String(), "PATH=") {
		t.Errorf("environment:\n%s", p.Output)
	}
}
