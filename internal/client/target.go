package client

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/dcb"
)

// defaultPort is the port that servers listen on by default.
const defaultPort = "50051"

// target is the server of a URL.
type target struct {
	address string // host and port
	secure  bool
	// inProcess is set if the server is in this process.
	inProcess bool
}

// maxServers is the maximum number of servers of a URL.
const maxServers = 16

// schemes are those of URLs, for messages.
const schemes = "http://, https://, grpc://, grpcs://, umadb:// or umadbs://"

// CheckURL returns an error that matches dcb.ErrInvalidArgument unless a URL is that of one server.
// The error does not contain a user or password of the URL.
func CheckURL(text string) error {
	targets, err := parseTargets(text)
	if err == nil && len(targets) > 1 {
		err = badURL(text, "it contains several servers, and only one can be used here")
	}
	return err
}

// parseTargets parses a URL such as "https://host:50051", or "https://a:50051,b:50051" for
// several servers. The schemes grpc and umadb are equivalent to http, and grpcs and umadbs to
// https.
func parseTargets(text string) ([]target, error) {
	scheme, hosts, found := strings.Cut(text, "://")
	if !found {
		return nil, withoutScheme(text)
	}
	parts := strings.Split(hosts, ",")
	if len(parts) == 1 || strings.Contains(hosts, "@") { // a comma may be part of a password
		t, err := parseTarget(text)
		return []target{t}, err
	}
	if len(parts) > maxServers {
		return nil, badURL(text, fmt.Sprintf("it contains %d servers, over the maximum of %d", len(parts), maxServers))
	}
	var targets []target
	for _, part := range parts {
		switch {
		case part == "":
			return nil, badURL(text, "between two commas, or at an end, there is no server")
		case strings.Contains(part, "://"):
			return nil, badURL(text, fmt.Sprintf("%.200q: only the first server has a scheme, which is that of all", part))
		}
		t, err := parseTarget(scheme + "://" + part)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(targets, func(other target) bool { return strings.EqualFold(other.address, t.address) }) {
			return nil, badURL(text, fmt.Sprintf("it contains the server %s twice", t.address))
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// parseTarget parses the URL of one server.
func parseTarget(text string) (target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return target{}, badURL(text, "it cannot be parsed")
	}
	var t target
	switch u.Scheme {
	case "http", "grpc", "umadb":
	case "https", "grpcs", "umadbs":
		t.secure = true
	default:
		return target{}, badURL(text, "it must start with "+schemes)
	}
	switch {
	case u.Hostname() == "":
		return target{}, badURL(text, "it has no host")
	case u.User != nil:
		return target{}, badURL(text, "it contains a user; pass an API key as an option instead")
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return target{}, badURL(text, "it must end after the host and port")
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return target{}, badURL(text, "its port must be a number from 1 to 65535")
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}

// withoutScheme returns the error for a text without a scheme. If only the scheme is
// missing, the error contains the URLs to use.
func withoutScheme(text string) error {
	if _, err := parseTargets("http://" + text); err != nil {
		return badURL(text, "it must start with "+schemes)
	}
	return badURL(text, fmt.Sprintf(`use "http://%s", or "https://%[1]s" if the server uses TLS`, text))
}

func badURL(text, reason string) error {
	return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("invalid URL %.200q: %s", withoutUser(text), reason)}
}

// withoutUser returns the text of a URL with "xxxxx" in place of a user and password, which
// must not appear in logs. The text need not be a valid URL.
func withoutUser(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	scheme, _, found := strings.Cut(text[:at], "://")
	if !found {
		return "xxxxx" + text[at:]
	}
	return scheme + "://xxxxx" + text[at:]
}
