package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	defaultPrefix = "umadb"
	defaultPort   = "2379"
	maxPrefix     = 200 // bytes; requestOverhead contains it

	// defaultRequestBytes is that of etcd.
	defaultRequestBytes = 3 << 19
	minRequestBytes     = 64 << 10
	// maxRequestBytes is the largest request that etcd recommends.
	maxRequestBytes = 10 << 20
)

// settings are the contents of a URL.
type settings struct {
	endpoints      []string // host:port
	prefix         string
	user, password string
	tls            *tls.Config // nil for connections without TLS
	poll           time.Duration
	requestBytes   int
}

// parse parses a URL. The error wraps sharedlog.ErrURL.
func parse(address string) (settings, error) {
	s, err := parseURL(address)
	if err != nil {
		return s, fmt.Errorf("%w: %w", sharedlog.ErrURL, err)
	}
	return s, nil
}

func parseURL(address string) (s settings, err error) {
	u, hosts, err := sharedlog.ParseURL(address)
	if err != nil {
		return s, err
	}
	if u.Scheme != "etcd" {
		return s, fmt.Errorf("the scheme is %q, not etcd", u.Scheme)
	}
	if s.endpoints, err = parseHosts(hosts); err != nil {
		return s, err
	}
	if s.prefix, err = parsePrefix(u.Path); err != nil {
		return s, err
	}
	s.user = u.User.Username()
	s.password, _ = u.User.Password()
	if s.password == "" {
		s.password = os.Getenv(sharedlog.PasswordVariable)
	}
	if s.user != "" && s.password == "" {
		return s, fmt.Errorf("it has the user %q and no password: set %s", s.user, sharedlog.PasswordVariable)
	}
	return s, s.parseParameters(u.Query())
}

// parseParameters parses the parameters of a URL.
func (s *settings) parseParameters(query url.Values) (err error) {
	parameters := sharedlog.Parameters(query)
	ca, cert, key := parameters.Take("ca", ""), parameters.Take("cert", ""), parameters.Take("key", "")
	useTLS := parameters.Take("tls", strconv.FormatBool(ca != "" || cert != "" || key != ""))
	switch useTLS {
	case "true":
		s.tls, err = configureTLS(ca, cert, key)
	case "false":
		if ca != "" || cert != "" || key != "" {
			err = errors.New("tls=false excludes ca, cert and key")
		}
	default:
		err = fmt.Errorf("invalid tls=%s: it must be true or false", useTLS)
	}
	if err != nil {
		return err
	}
	if s.poll, err = parameters.TakePoll(); err != nil {
		return err
	}
	bytes := parameters.Take("max-request-bytes", strconv.Itoa(defaultRequestBytes))
	if s.requestBytes, err = strconv.Atoi(bytes); err != nil || s.requestBytes < minRequestBytes || s.requestBytes > maxRequestBytes {
		return fmt.Errorf("invalid max-request-bytes=%s: it must be a number from %d to %d, that of the option --max-request-bytes of etcd", bytes, minRequestBytes, maxRequestBytes)
	}
	for name := range query {
		return fmt.Errorf("unknown parameter %q", name)
	}
	return nil
}

// parseHosts returns the addresses of members.
func parseHosts(hosts []string) (endpoints []string, err error) {
	for _, host := range hosts {
		u := url.URL{Host: host}
		if u.Hostname() == "" {
			return nil, errors.New("it must have the addresses of the members, such as etcd://etcd1,etcd2,etcd3/orders")
		}
		port := u.Port()
		if port == "" {
			port = defaultPort
		}
		endpoints = append(endpoints, net.JoinHostPort(u.Hostname(), port))
	}
	return endpoints, nil
}

// parsePrefix returns the prefix of the keys that is the path of a URL.
func parsePrefix(path string) (string, error) {
	prefix := strings.TrimPrefix(path, "/")
	if prefix == "" {
		return defaultPrefix, nil
	}
	valid := len(prefix) <= maxPrefix
	for part := range strings.SplitSeq(prefix, "/") {
		valid = valid && part != "" && strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
	}
	if !valid {
		return "", fmt.Errorf("invalid prefix %q: it must have 1 to %d characters a-z, A-Z, 0-9, _, ., - and single slashes between them", prefix, maxPrefix)
	}
	return prefix, nil
}

// configureTLS returns the configuration of connections with TLS. Without ca, the authorities
// are those of the system.
func configureTLS(ca, cert, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the file ca=%s has no certificate in PEM", ca)
		}
	}
	if (cert == "") != (key == "") {
		return nil, errors.New("cert and key must be given together")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("the certificate of this client: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
