package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/wire"
)

// connectTimeout is how long to wait for a server that does not respond.
const connectTimeout = 2 * time.Second

// auth configures the connection to a server.
type auth struct {
	caFile                string
	clientCert, clientKey string // files; both empty without a client certificate
	apiKey                apiKey
	// timeout is how long to wait for a server that does not respond. The default is connectTimeout.
	timeout time.Duration
	// prefix is that of the names of the flags, for messages.
	prefix string
	// noResume ends subscriptions when the server stops or the connection is lost.
	noResume bool
}

func (a *auth) addFlags(flags *pflag.FlagSet) {
	a.apiKey.addFlags(flags, "API `key` that the server requires")
	a.addTLSFlags(flags)
}

// addTLSFlags adds the flags that calls without an API key need.
func (a *auth) addTLSFlags(flags *pflag.FlagSet) {
	flags.StringVar(&a.caFile, "ca", "", "PEM `file` with the CA certificates of the server, if the system does not trust them")
	flags.StringVar(&a.clientCert, "client-cert", "", "PEM `file` with the certificate chain of this client, if the server requires one")
	flags.StringVar(&a.clientKey, "client-key", "", "PEM `file` with the private key of the client certificate")
}

// dial connects to a server. remedy is part of the error if there is no server at url.
func (a *auth) dial(flags *pflag.FlagSet, url, remedy string) (*client.Client, error) {
	if err := a.apiKey.load(flags); err != nil {
		return nil, err
	}
	return a.dialLoaded(url, remedy)
}

// dialLoaded connects to a server after the API key has been loaded. It may be called
// concurrently.
func (a *auth) dialLoaded(url, remedy string) (*client.Client, error) {
	if err := client.CheckURL(url); err != nil {
		return nil, usageError{err}
	}
	return a.dialServers(url, remedy)
}

// dialServers is dialLoaded for a URL that may contain several servers.
func (a *auth) dialServers(url, remedy string) (*client.Client, error) {
	c, err := client.Dial(url, &client.Options{
		CAFile:         a.caFile,
		ClientCert:     a.clientCert,
		ClientKey:      a.clientKey,
		APIKey:         a.apiKey.key,
		ConnectTimeout: cmp.Or(a.timeout, connectTimeout),
		FailFast:       true,
		NoResume:       a.noResume,
	})
	switch {
	case errors.Is(err, dcb.ErrInvalidArgument):
		err = usageError{err}
	case errors.Is(err, dcb.ErrTransport):
		err = fmt.Errorf("%w; %s", err, a.hint(err.Error(), remedy))
	}
	return c, err
}

// withKey returns the configuration with an API key, or that in the first line of a file if its
// name is not empty. The file is that of the flag api-key-file with the prefix.
func (a auth) withKey(key, file string) (auth, error) {
	a.apiKey.key = key
	if file == "" {
		return a, nil
	}
	var err error
	if a.apiKey.key, err = firstLine(file, "API key", "--"+a.prefix+"api-key-file"); err != nil {
		return a, err
	}
	if err := wire.CheckAPIKey(a.apiKey.key); err != nil {
		return a, usageError{err}
	}
	return a, nil
}

// hint returns the likely remedy for a failed connection.
func (a *auth) hint(message, remedy string) string {
	flags := fmt.Sprintf("--%sclient-cert and --%[1]sclient-key", a.prefix)
	switch {
	case strings.Contains(message, "requires a client certificate"):
		return "name the files of one with " + flags
	case strings.Contains(message, "client certificate"):
		return "name the files of another one with " + flags
	case strings.Contains(message, "x509: certificate has expired"):
		return "renew the certificate of the server, or correct the clock of this machine"
	case strings.Contains(message, "x509: certificate is "), strings.Contains(message, "x509: cannot validate certificate for "):
		return "use a URL with a name in the certificate, or give the server a certificate with this name"
	case strings.Contains(message, "x509:") && a.caFile != "":
		return fmt.Sprintf("the CA of the certificate is not in %s: name another file with --%sca", a.caFile, a.prefix)
	case strings.Contains(message, "x509:"):
		return fmt.Sprintf("to trust the certificate, name the file of its CA with --%sca", a.prefix)
	case strings.Contains(message, "does not look like a TLS handshake"):
		return "the server does not use TLS: use http:// in its URL"
	case strings.Contains(message, "no answer in HTTP/2"):
		return "it is not an UmaDB server, or it uses TLS: then use https:// in its URL"
	}
	_, rest, late := strings.Cut(message, " within ")
	if late && !strings.Contains(rest, ":") || strings.Contains(message, "the server does not respond") {
		return "the server hangs or its machine is down, or a firewall is in between: look at its process and its log, or use another server"
	}
	return "is a server running there? " + remedy
}

// apiKey is the key that a server requires of its clients. It is set by a flag or, to
// keep it out of the process list, read from a file.
type apiKey struct {
	key  string // empty if there is none
	file string
}

func (k *apiKey) addFlags(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&k.key, "api-key", "", usage)
	flags.StringVar(&k.file, "api-key-file", "", "`file` whose first line is the API key")
	excludes(flags, "api-key", "api-key-file")
	secret(flags, "api-key")
}

// load reads the key from the file, if there is one, and validates it. If load fails,
// the key is unchanged.
func (k *apiKey) load(flags *pflag.FlagSet) error {
	key, err := k.read(flags)
	if err == nil {
		k.key = key
	}
	return err
}

// read returns the key, from the current content of the file if there is one.
func (k *apiKey) read(flags *pflag.FlagSet) (key string, err error) {
	key = k.key
	if flags.Changed("api-key-file") {
		if flags.Changed("api-key") {
			return "", usageErrorf("--api-key and --api-key-file (or their environment variables) are both given: use only one")
		}
		if key, err = firstLine(k.file, "API key", "--api-key-file"); err != nil {
			return "", err
		}
	}
	if err := wire.CheckAPIKey(key); err != nil {
		return "", usageError{err}
	}
	return key, nil
}
