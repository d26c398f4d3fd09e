package cli_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// The error for a certificate that is refused names what to change.
func TestRemediesForServerCertificates(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	authority, other := newAuthority(t), newAuthority(t)
	expired, err := servertest.NewAuthority(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*servertest.Authority{"other.pem": other, "expired.pem": expired} {
		if err := os.WriteFile(in(name), a.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(db string, a *servertest.Authority) (url string) {
		if err := a.Write(in(db+".pem"), in(db+".key"), "localhost", x509.ExtKeyUsageServerAuth); err != nil {
			t.Fatal(err)
		}
		p := start(t, "--db-path", in(db), "--tls-cert", in(db+".pem"), "--tls-key", in(db+".key"))
		return strings.Replace("https://"+p.address, "127.0.0.1", "localhost", 1)
	}
	url := serve("valid", authority)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no CA":      {[]string{"--url", url}, "name the file of its CA with --ca"},
		"another CA": {[]string{"--url", url, "--ca", in("other.pem")}, in("other.pem") + ": name another file with --ca"},
		"expired":    {[]string{"--url", serve("expired", expired), "--ca", in("expired.pem")}, "renew the certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(append([]string{"head"}, test.args...)...)
			wantError(t, code, stderr, 5, test.want)
			if name != "no CA" && strings.Contains(stderr, "name the file of its CA") {
				t.Errorf("standard error is %q", stderr)
			}
		})
	}
}
