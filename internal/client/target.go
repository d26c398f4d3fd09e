package client

import (
	"fmt"
	"net"
	"net/url"
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
}

// CheckURL returns an error that matches dcb.ErrInvalidArgument if Dial cannot use a URL. The
// error does not contain a user or password of the URL.
func CheckURL(text string) error {
	_, err := parseTarget(text)
	return err
}

// parseTarget parses a URL such as "https://host:50051". The schemes grpc and grpcs are
// equivalent to http and https.
func parseTarget(text string) (target, error) {
	if !strings.Contains(text, "://") {
		return target{}, withoutScheme(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return target{}, badURL(text, "it cannot be parsed")
	}
	var t target
	switch u.Scheme {
	case "http", "grpc":
	case "https", "grpcs":
		t.secure = true
	default:
		return target{}, badURL(text, "it must start with http://, https://, grpc:// or grpcs://")
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
	const schemes = "http://, https://, grpc:// or grpcs://"
	if _, err := parseTarget("http://" + text); err != nil {
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
