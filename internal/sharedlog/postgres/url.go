package postgres

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	defaultSchema = "umadb"
	defaultPort   = ":5432"
)

// settings are the contents of a URL.
type settings struct {
	conn   *pgx.ConnConfig
	schema string
	poll   time.Duration
	// storage is true if the storage of the server is replicated, so that no standby is needed.
	storage bool
}

// parse parses a URL. Parameters that are not those of this package are those of the driver, or
// settings of the session. The error wraps sharedlog.ErrURL.
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
	u.Host = strings.Join(withPorts(hosts), ",")
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return s, fmt.Errorf("the scheme is %q, not postgres", u.Scheme)
	}
	query := u.Query()
	parameters := sharedlog.Parameters(query)
	s.schema = parameters.Take("schema", defaultSchema)
	if err := checkSchema(s.schema); err != nil {
		return s, err
	}
	if s.poll, err = parameters.TakePoll(); err != nil {
		return s, err
	}
	switch durability := parameters.Take("durability", "standbys"); durability {
	case "standbys":
	case "storage":
		s.storage = true
	default:
		return s, fmt.Errorf("invalid durability=%s: it must be standbys or storage", durability)
	}
	_, inURL := u.User.Password()
	inURL = inURL || query.Has("password")
	u.RawQuery = query.Encode()
	if s.conn, err = pgx.ParseConfig(u.String()); err != nil {
		return s, err // without the password
	}
	if password := os.Getenv(sharedlog.PasswordVariable); password != "" && !inURL {
		s.conn.Password = password
	}
	return s, nil
}

// withPorts adds the default port to the hosts without one if others have one: the driver accepts
// only URLs in which all or none of them have it.
func withPorts(hosts []string) []string {
	hasPort := func(host string) bool { return (&url.URL{Host: host}).Port() != "" }
	if !slices.ContainsFunc(hosts, hasPort) {
		return hosts
	}
	for i, host := range hosts {
		if !hasPort(host) {
			hosts[i] += defaultPort
		}
	}
	return hosts
}
