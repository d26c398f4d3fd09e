package server_test

import (
	"errors"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// certificate creates a certificate for 127.0.0.1.
func certificate(t *testing.T) servertest.Certificate {
	t.Helper()
	files, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTLSServerAcceptsOnlyTLS(t *testing.T) {
	files := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key})
	trusted, err := credentials.NewClientTLSFromFile(files.CA, "")
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
	files := certificate(t)
	for name, options := range map[string]server.Options{
		"no key":         {TLSCertFile: files.Cert},
		"no certificate": {TLSKeyFile: files.Key},
		"no such file":   {TLSCertFile: files.Cert, TLSKeyFile: files.Key + ".missing"},
		"swapped":        {TLSCertFile: files.Key, TLSKeyFile: files.Cert},
	} {
		if _, err := server.New(newMemoryStore(), options); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
