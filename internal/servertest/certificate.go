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
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return files, err
	}
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "UmaDB test authority"},
		NotBefore:             from,
		NotAfter:              until,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return files, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return files, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    from,
		NotAfter:     until,
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), authorityKey)
	if err != nil {
		return files, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return files, err
	}
	for _, file := range []struct {
		name  string
		block pem.Block
	}{
		{files.CA, pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}},
		{files.Cert, pem.Block{Type: "CERTIFICATE", Bytes: leafDER}},
		{files.Key, pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}},
	} {
		if err := os.WriteFile(file.name, pem.EncodeToMemory(&file.block), 0o600); err != nil {
			return files, err
		}
	}
	return files, nil
}
