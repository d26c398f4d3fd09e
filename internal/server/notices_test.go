package server

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestNoticeIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := newNotices(slog.New(slog.NewTextHandler(&log, nil)))
		wantLine := func(parts ...string) {
			t.Helper()
			line := log.String()
			log.Reset()
			if len(parts) == 0 && line != "" || strings.Count(line, "\n") > 1 {
				t.Errorf("logged %q", line)
			}
			for _, part := range parts {
				if !strings.Contains(line, part) {
					t.Errorf("logged %q, without %q", line, part)
				}
			}
		}
		from := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1234} }
		n.Warn(refusedKey, from("10.0.0.1"))
		wantLine("refused", "times=1", "10.0.0.1")
		for range 1000 {
			n.Warn(refusedKey, from("10.0.0.2"))
			n.Warn(refusedKey, from("::1"))
		}
		wantLine()
		n.Warn(notAccepted, nil)
		wantLine("connections cannot be accepted", "times=1")
		time.Sleep(59 * time.Second)
		n.flush()
		wantLine()
		time.Sleep(time.Second)
		n.flush()
		wantLine("refused", "times=2000", "[10.0.0.2 ::1]")
		time.Sleep(time.Hour)
		n.flush()
		wantLine()
	})
}
