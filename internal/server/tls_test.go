package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, time.Now(), time.Now().Add(time.Hour))
	return certFile, keyFile
}

// writeCertificate writes a self-signed certificate for 127.0.0.1 and its key.
func writeCertificate(t *testing.T, certFile, keyFile string, notBefore, notAfter time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTLSServerAcceptsOnlyTLS(t *testing.T) {
	certFile, keyFile := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: certFile, TLSKeyFile: keyFile})
	trusted, err := credentials.NewClientTLSFromFile(certFile, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		credentials credentials.TransportCredentials
		want        codes.Code
	}{
		"TLS":                   {trusted, codes.OK},
		"plain":                 {insecure.NewCredentials(), codes.Unavailable},
		"untrusted certificate": {credentials.NewTLS(nil), codes.Unavailable},
	} {
		client := r.client(t, grpc.WithTransportCredentials(row.credentials))
		if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); status.Code(err) != row.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSClientOfServerWithoutTLSFails(t *testing.T) {
	client := start(t, newMemoryStore(), server.Options{}).client(t, grpc.WithTransportCredentials(credentials.NewTLS(nil)))
	if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
}

func TestNewRejectsInvalidTLSFiles(t *testing.T) {
	certFile, keyFile := certificate(t)
	for name, options := range map[string]server.Options{
		"no key":         {TLSCertFile: certFile},
		"no certificate": {TLSKeyFile: keyFile},
		"no such file":   {TLSCertFile: certFile, TLSKeyFile: keyFile + ".missing"},
		"swapped":        {TLSCertFile: keyFile, TLSKeyFile: certFile},
	} {
		if _, err := server.New(newMemoryStore(), options); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
