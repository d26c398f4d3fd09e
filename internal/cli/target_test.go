package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// slow is a store that takes long to open.
type slow struct{ closed chan struct{} }

func (s *slow) Close() error {
	close(s.closed)
	return nil
}

func TestOpeningCanBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		s, ready := &slow{make(chan struct{})}, make(chan struct{})
		_, err := openUntil(ctx, func() (*slow, error) { <-ready; return s, nil })
		if !errors.Is(err, errInterrupted) {
			t.Errorf("got %v", err)
		}
		close(ready)
		<-s.closed
	})
}

func TestHintForCertificateWithOtherNames(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1"} {
		for _, certificate := range []*x509.Certificate{{}, {DNSNames: []string{"db.example.com"}}} {
			message := x509.HostnameError{Certificate: certificate, Host: host}.Error()
			if got := (&auth{caFile: "ca.pem"}).hint(message, ""); !strings.Contains(got, "a name in the certificate") {
				t.Errorf("%s: got %q", message, got)
			}
		}
	}
}
