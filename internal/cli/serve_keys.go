package cli

import (
	"crypto/sha256"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/internal/keyfile"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/settingfile"
)

// keysFlags configures the API keys with rights of a server.
type keysFlags struct {
	file string
	keys []server.Key // nil if there is no file
}

func (k *keysFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&k.file, "keys", "", "TOML `file` with several API keys and their rights, as umadb key writes it")
}

// loadKeys reads the file of the API keys, if there is one. If it fails, the keys are
// unchanged.
func (o *serveOptions) loadKeys() error {
	if !o.flags.Changed("keys") {
		return nil
	}
	parsed, err := o.keys.read()
	if err != nil {
		return err
	}
	return o.setKeys(parsed)
}

// read returns the keys in the file.
func (k *keysFlags) read() ([]keyfile.Key, error) {
	if k.file == "" {
		return nil, usageErrorf("--keys is empty: name the file of the API keys, or omit --keys and UMADB_KEYS")
	}
	content, err := settingfile.Read(k.file)
	if err != nil {
		return nil, usageErrorf("cannot read the file of the API keys: %w; create it with umadb key new, or name another with --keys", err)
	}
	parsed, err := keyfile.Parse(content)
	if err != nil {
		return nil, usageErrorf("%s:%w", k.file, err)
	}
	return parsed, nil
}

// setKeys sets the keys that are passed to a server, unless one conflicts with another setting.
func (o *serveOptions) setKeys(parsed []keyfile.Key) error {
	k := &o.keys
	keys := []server.Key{} // not nil: without any key, every call is refused
	for _, p := range parsed {
		switch {
		case p.Hash != nil && o.apiKey.key != "" && *p.Hash == sha256.Sum256([]byte(o.apiKey.key)):
			return usageErrorf("%s: the key %q is also that of --api-key or --api-key-file, or of their variables, which clients use too: use only one", k.file, p.Name)
		case p.Certificate != "" && o.tls.clientCA == "":
			return usageErrorf("%s: the key %q has a certificate, which can only be verified with --client-ca", k.file, p.Name)
		}
		keys = append(keys, serverKey(p))
	}
	k.keys = keys
	return nil
}

// use passes the keys to a server, if there is a file.
func (k *keysFlags) use(srv *server.Server) error {
	if k.keys == nil {
		return nil
	}
	return srv.SetKeys(k.keys)
}

// serverKey converts a key of the file.
func serverKey(k keyfile.Key) server.Key {
	converted := server.Key{
		Name: k.Name, Hash: k.Hash, Certificate: k.Certificate, Types: k.Types, TagPrefixes: k.TagPrefixes, Expires: k.Expires,
		AppendsPerSecond: k.AppendsPerSecond, BytesPerSecond: k.BytesPerSecond,
	}
	for _, right := range k.Rights {
		converted.Rights |= server.ParseRight(right)
	}
	return converted
}
