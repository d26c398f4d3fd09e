package cli

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
)

func TestWarningAboutInsecureServer(t *testing.T) {
	const loopback, everywhere = "127.0.0.1", "0.0.0.0"
	for _, c := range []struct {
		ip       string
		tls, key bool
		want     string // empty for no warning
	}{
		{loopback, false, false, ""},
		{"::1", false, false, ""},
		{loopback, true, true, ""},
		{loopback, true, false, ""},
		{loopback, false, true, "an API key but no TLS"},
		{everywhere, true, true, ""},
		{everywhere, false, true, "an API key but no TLS"},
		{everywhere, true, false, "there is no API key"},
		{everywhere, false, false, "neither TLS nor an API key"},
		{"::", false, false, "neither TLS nor an API key"},
		{"192.168.1.7", false, false, "neither TLS nor an API key"},
	} {
		var log bytes.Buffer
		warnIfInsecure(newLogger(&log, "text", slog.LevelWarn), &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 50051}, c.tls, c.key)
		if got := log.String(); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s, TLS %v, key %v: %q", c.ip, c.tls, c.key, got)
		}
	}
}
