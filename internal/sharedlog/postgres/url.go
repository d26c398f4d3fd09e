package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	defaultSchema = "umadb"
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
	u, err := url.Parse(address)
	if err != nil {
		var part *url.Error // it contains the URL, and so the password
		if errors.As(err, &part) {
			err = part.Err
		}
		return s, err
	}
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
