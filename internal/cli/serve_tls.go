package cli

import (
	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/settingfile"
)

// tlsFlags are the flags of a server about TLS.
type tlsFlags struct {
	cert, key string // files; both empty without TLS
	clientCA  string // file; empty if clients need no certificate
}

func (o *tlsFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.cert, "tls-cert", "", "PEM `file` with the server's certificate chain")
	flags.StringVar(&o.key, "tls-key", "", "PEM `file` with the private key of the certificate")
	flags.StringVar(&o.clientCA, "client-ca", "", "PEM `file` with the CA certificates of clients, which then need a certificate to connect")
}

func (o *tlsFlags) validate() error {
	switch {
	case o.cert != "" && o.key == "":
		return usageErrorf("--tls-cert is given without --tls-key: set both for TLS, or neither")
	case o.key != "" && o.cert == "":
		return usageErrorf("--tls-key is given without --tls-cert: set both for TLS, or neither")
	case o.clientCA != "" && o.cert == "":
		return usageErrorf("--client-ca is given without --tls-cert and --tls-key: clients send certificates only to a server with TLS")
	}
	return nil
}

// preflight checks the content of the files.
func (o *tlsFlags) preflight() error {
	if o.cert != "" {
		if _, err := settingfile.KeyPair(o.cert, o.key); err != nil {
			return usageErrorf("cannot load the TLS certificate %s and its key %s: %w; name others with --tls-cert and --tls-key", o.cert, o.key, err)
		}
	}
	if o.clientCA != "" {
		if err := server.CheckClientCA(o.clientCA); err != nil {
			return usageErrorf("cannot load the CA certificates of clients: %w; name another file with --client-ca", err)
		}
	}
	return nil
}
