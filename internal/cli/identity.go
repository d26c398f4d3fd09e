package cli

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"os"
	"slices"
	"time"

	"github.com/umadb-go/umadb/internal/settingfile"
)

// Validity of new certificates. An authority outlives several certificates of a server.
const (
	authorityYears   = 10
	certificateYears = 1
)

// identity is a certificate and its private key.
type identity struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// readIdentity reads NAME.pem and NAME.key.
func readIdentity(name string) (*identity, error) {
	pair, err := settingfile.KeyPair(name+".pem", name+".key")
	if err != nil {
		return nil, err
	}
	return &identity{pair.Leaf, pair.PrivateKey.(crypto.Signer)}, nil
}

// newAuthority returns a new certificate that can sign others.
func newAuthority() (*identity, error) {
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "UmaDB development CA"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(authorityYears, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return issue(template, nil)
}

// serverTemplate returns the certificate of a server on this machine.
func serverTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// clientTemplate returns the certificate of a client.
func clientTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// addHost adds a host name or an IP address to a certificate that does not have it.
func addHost(template *x509.Certificate, host string) {
	if ip := net.ParseIP(host); ip != nil {
		if !slices.ContainsFunc(template.IPAddresses, ip.Equal) {
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	} else if !slices.Contains(template.DNSNames, host) {
		template.DNSNames = append(template.DNSNames, host)
	}
}

// addNames adds the hosts of another certificate.
func addNames(template, other *x509.Certificate) {
	for _, name := range other.DNSNames {
		addHost(template, name)
	}
	for _, ip := range other.IPAddresses {
		addHost(template, ip.String())
	}
}

// issue returns a new key with a certificate that ca has signed, or the key itself if ca is
// nil. The certificate is valid for a year, unless the template has a period.
func issue(template *x509.Certificate, ca *identity) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.NotAfter.IsZero() {
		now := time.Now()
		template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.AddDate(certificateYears, 0, 0)
	}
	if ca == nil {
		ca = &identity{template, key}
	} else if template.NotAfter.After(ca.certificate.NotAfter) {
		template.NotAfter = ca.certificate.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &identity{certificate, key}, err
}

// write writes NAME.key, for its owner only, and NAME.pem.
func (i *identity) write(name string) error {
	key, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return err
	}
	if err := replaceFile(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})); err != nil {
		return err
	}
	if err := replaceFile(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw})); err != nil {
		return err
	}
	return os.Chmod(name+".pem", 0o644)
}
