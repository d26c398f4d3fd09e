package cli

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// feedFor runs feed with a check that returns the given results, one after the other, and
// returns how often the watchdog was fed, and the log.
func feedFor(t *testing.T, results ...bool) (fed int, log string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "n")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skip(err) // a system without such sockets has no systemd
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	next := 0
	serviceManager{slog.New(slog.NewTextHandler(&out, nil))}.feed(ctx, time.Millisecond, func(context.Context) bool {
		next++
		if next == len(results) {
			cancel() // this is the last check
		}
		return results[next-1]
	})
	const end = "END" // of the messages
	sender, err := net.Dial("unixgram", name)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if _, err := sender.Write([]byte(end)); err != nil {
		t.Fatal(err)
	}
	for {
		message := make([]byte, 64)
		size, err := socket.Read(message)
		if err != nil {
			t.Fatal(err)
		}
		switch string(message[:size]) {
		case "WATCHDOG=1":
			fed++
		case end:
			return fed, out.String()
		default:
			t.Fatalf("the message is %q", message[:size])
		}
	}
}

func TestWatchdogIsNotFedWhileTheServerDoesNotAnswer(t *testing.T) {
	fed, log := feedFor(t, true, true, false, false, true)
	if fed != 2 || strings.Count(log, "does not answer") != 2 {
		t.Errorf("the watchdog was fed %d times, want 2; the log is %s", fed, log)
	}
}

// A server that cannot reach itself from the start is not restarted for that.
func TestWatchdogIsFedWithoutCheckIfTheFirstFails(t *testing.T) {
	fed, log := feedFor(t, false)
	if fed != 1 || !strings.Contains(log, "without a check") {
		t.Errorf("the watchdog was fed %d times, want 1; the log is %s", fed, log)
	}
}

func TestAnswers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connections wait in its backlog
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer refusing.Close()
	go func() {
		for {
			conn, err := refusing.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	absent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	absent.Close()
	for name, c := range map[string]struct {
		listener net.Listener
		tls      bool
		want     bool
	}{
		"silent":            {silent, false, false},
		"silent with TLS":   {silent, true, false},
		"refusing":          {refusing, false, true},
		"refusing with TLS": {refusing, true, true},
		"absent":            {absent, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			patience := time.Minute
			if !c.want {
				patience = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if got := answers(c.listener.Addr(), c.tls)(ctx); got != c.want {
				t.Errorf("answers returns %t", got)
			}
		})
	}
}
