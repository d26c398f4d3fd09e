package servertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificate contains the names of the PEM files that a server with TLS and its
// clients need.
type Certificate struct {
	CA   string // certificate of the authority, for the clients
	Cert string // certificate of the server, signed by the authority
	Key  string // private key of the server
}

// WriteCertificate creates an authority and a certificate for localhost and 127.0.0.1,
// which is valid today, and writes them to ca.pem, cert.pem and key.pem in a directory.
func WriteCertificate(dir string) (Certificate, error) {
	now := time.Now()
	return WriteCertificateValid(dir, now.AddDate(0, 0, -1), now.AddDate(0, 0, 1))
}

// WriteCertificateValid is like WriteCertificate, with another period of validity.
func WriteCertificateValid(dir string, from, until time.Time) (Certificate, error) {
	files := Certificate{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	authority, err := NewAuthority(from, until)
	if err != nil {
		return files, err
	}
	if err := os.WriteFile(files.CA, authority.PEM(), 0o600); err != nil {
		return files, err
	}
	return files, authority.Write(files.Cert, files.Key, "localhost", x509.ExtKeyUsageServerAuth)
}

// Authority signs certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority returns a new authority. It and its certificates are valid for a period.
func NewAuthority(from, until time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "UmaDB test authority"},
		NotBefore:             from,
		NotAfter:              until,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &Authority{certificate, key}, err
}

// PEM returns the certificate of the authority.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// Write writes a new certificate for localhost and 127.0.0.1, and its key, to files. name is
// the common name of its subject.
func (a *Authority) Write(certFile, keyFile, name string, usage x509.ExtKeyUsage) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    a.certificate.NotBefore,
		NotAfter:     a.certificate.NotAfter,
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}
